"""A sensor's state as the HTTP contract has it. Pure: the clock is an argument."""

from typing import Any, cast

from pydantic import JsonValue

from api.responses import Reception, Sensor, SensorDetail, Value
from api.times import rfc3339
from api.units import UNITS
from schemas.reading import Latest


def sensor(latest: Latest, now: int) -> Sensor:
    """The sensor in the list."""
    return Sensor(**_facts(latest, now))


def sensor_detail(latest: Latest, now: int) -> SensorDetail:
    """The sensor by itself, with its receptions."""
    heard = sorted(latest.receptions.items(), key=lambda item: (-item[1].heard_at, item[0]))
    receptions = [
        Reception(gateway=gateway, rssi=one.rssi, last_heard=rfc3339(one.heard_at), copies=one.copies)
        for gateway, one in heard
    ]
    return SensorDetail(**_facts(latest, now), receptions=receptions)


def _facts(latest: Latest, now: int) -> dict[str, Any]:
    last_seen, battery = latest.last_seen, latest.values.get("battery")
    return {
        "id": latest.sensor,
        "name": None,
        "location": "unassigned",
        "last_seen": None if last_seen is None else rfc3339(last_seen),
        # the bridge's clock may be ahead of ours: nothing was seen in the future
        "age_seconds": None if last_seen is None else max(0, now - last_seen) / 1000,
        "measured_at": rfc3339(latest.measured_at),
        "time_source": latest.time_source,
        "values": {
            name: Value.model_construct(
                value=cast(JsonValue, one.value), unit=UNITS.get(name), measured_at=rfc3339(one.measured_at)
            )
            for name, one in sorted(latest.values.items())
        },
        "battery": battery.value if battery and isinstance(battery.value, int | float) else None,
        "rssi": latest.rssi,
        "gateway": latest.gateway,
        "packet_id": latest.packet_id,
        "flags": list(latest.flags),
    }
