"""A sensor's state, what people say of it, and how it stands, in one."""

from math import isfinite
from typing import Any, cast

from pydantic import JsonValue

from api.live import Standing
from api.patch import offsets_at
from api.responses import Limits, Reception, Refused, Sensor, SensorDetail, Value
from api.times import rfc3339
from api.units import UNITS
from schemas.reading import Latest
from schemas.registry import Limit, Placement


def sensor(standing: Standing, id: str) -> Sensor:
    """The sensor in the list."""
    return Sensor(**_facts(standing, id))


def sensor_detail(standing: Standing, id: str) -> SensorDetail:
    """The sensor by itself, with its receptions."""
    return SensorDetail(**_facts(standing, id), receptions=receptions(standing.live.sensors.get(id)))


def receptions(latest: Latest | None) -> list[Reception]:
    """The gateways that hear a sensor, newest first."""
    heard = sorted(latest.receptions.items() if latest else (), key=lambda item: (-item[1].heard_at, item[0]))
    return [
        Reception(gateway=gateway, rssi=one.rssi, last_heard=rfc3339(one.heard_at), copies=one.copies)
        for gateway, one in heard
    ]


def number(value: object) -> float | None:
    """A property as one number: of a repeated property its first; None for what is no number."""
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if isfinite(value) else None


def _facts(standing: Standing, id: str) -> dict[str, Any]:
    entry, verdict = standing.registry.entry(id), standing.verdict(id)
    latest, place = standing.latest(id), entry.placement_at(standing.now) or Placement(0)
    return {
        "id": id,
        "name": entry.name,
        "location": entry.location_at(standing.now),
        "room": place.room,
        "floor": place.floor,
        "site": place.site,
        "claimed": standing.registry.claimed(id),
        "freshness": verdict.freshness,
        "cause": verdict.cause,
        "freshness_since": _time(verdict.since),
        "expected_interval_seconds": entry.interval_ms / 1000,
        "offsets": offsets_at(entry, standing.now) if entry.offsets else {},
        "limits": {name: Limits(low=one.low, high=one.high) for name, one in sorted(entry.limits.items())},
        **(_heard(latest, entry.limits, standing.now) if latest else _UNHEARD),
    }


_UNHEARD: dict[str, Any] = {
    **dict.fromkeys(
        ("last_seen", "age_seconds", "measured_at", "time_source", "battery", "rssi", "gateway", "packet_id", "refused")
    ),
    "values": {},
    "out_of_limits": [],
    "flags": [],
}


def _heard(latest: Latest, limits: dict[str, Limit], now: int) -> dict[str, Any]:
    last_seen, battery = latest.last_seen, latest.values.get("battery")
    return {
        "last_seen": _time(last_seen),
        # the bridge's clock may be ahead of ours: nothing was seen in the future
        "age_seconds": None if last_seen is None else max(0, now - last_seen) / 1000,
        "measured_at": _time(latest.measured_at),
        "time_source": latest.time_source,
        "values": {
            name: Value.model_construct(
                value=cast(JsonValue, one.value), unit=UNITS.get(name), measured_at=rfc3339(one.measured_at)
            )
            for name, one in sorted(latest.values.items())
        },
        "out_of_limits": [
            name
            for name, limit in sorted(limits.items())
            if name in latest.values and _is_outside(latest.values[name].value, limit)
        ],
        "battery": battery.value if battery and isinstance(battery.value, int | float) else None,
        "rssi": latest.rssi,
        "gateway": latest.gateway,
        "packet_id": latest.packet_id,
        "flags": list(latest.flags),
        "refused": _refused(latest),
    }


def _is_outside(value: object, limit: Limit) -> bool:
    """Whether one instance of the property is not within the limit."""
    for one in value if isinstance(value, list) else [value]:
        found = number(one)
        if found is not None and (
            (limit.low is not None and found < limit.low) or (limit.high is not None and found > limit.high)
        ):
            return True
    return False


def _refused(latest: Latest) -> Refused | None:
    held = latest.refused
    return None if held is None else Refused(since=rfc3339(held.since), times=held.times, reason=held.reason)


def _time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else rfc3339(milliseconds)
