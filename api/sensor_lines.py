"""The lines about one sensor on the metrics page. Pure."""

from collections.abc import Iterator
from typing import NamedTuple, get_args

from api.exposition import Family
from api.live import Standing
from api.views.sensor import number
from schemas.freshness import Freshness, Verdict
from schemas.reading import Latest
from schemas.registry import Entry

_WITH_VALUES = ("fresh", "late")


def _family(name: str, text: str, *labels: str, kind: str = "gauge") -> Family:
    return Family(f"shelly_{name}", text, ["sensor_id", *labels], kind)


# in the order of the page; the first four names as first asked for, values by their quantity
FAMILIES = {
    "temperature": _family(
        "temperature_celsius", "Newest temperature of a sensor that is fresh or late, in degrees Celsius"
    ),
    "humidity": _family("humidity_percent", "Newest relative humidity of a sensor that is fresh or late, in percent"),
    "battery": _family("battery_level", "Newest battery level of a sensor that is fresh or late, in percent"),
    "last_seen": _family("sensor_last_seen", "When a live packet of the sensor last arrived, in unix seconds"),
    "freshness": _family(
        "sensor_freshness", "1 for what the sensor is: fresh, late, stale or lost; 0 for the others", "freshness"
    ),
    "silence": _family(
        "sensor_silence",
        "1 for a sensor that is late, stale or lost: whose fault it seems, and the gateway that heard it last",
        *("freshness", "cause", "gateway"),
    ),
    "limit": _family("sensor_limit", "The end of the range in which a quantity is to stay", "quantity", "end"),
    "refused": _family(
        "sensor_refused", "Packets of the sensor that were heard and not believed; absent if none were", "reason"
    ),
    "rssi_dbm": _family("sensor_rssi_dbm", "How loud a gateway heard the sensor lately, in dBm", "gateway"),
    "packet_id": _family("sensor_packet_id", "Newest packet id, which wraps at 256"),
    "readings": _family("sensor_readings", "Readings so far"),
    "packets_expected": _family(
        "sensor_packets_expected_total", "Packets that the sensor sent, by the gaps in their ids", kind="counter"
    ),
    "packets_heard": _family(
        "sensor_packets_heard_total", "Of those expected, packets that any gateway brought", kind="counter"
    ),
    "info": _family("sensor_info", "Name and location of a sensor", "name", "location"),
}
_VALUES = ("temperature", "humidity", "battery")

Line = tuple[str, list[str], float]  # family, labels after the sensor's id, value


class About(NamedTuple):
    """All that the lines of one sensor say.

    `heard`: topic prefixes of the gateways that lately heard it, and dBm; `last`: that of its newest reading's gateway.
    `expected`: it was entered or read once; nobody misses what was only ever refused, perhaps a neighbour's.
    """

    id: str
    entry: Entry
    location: str
    verdict: Verdict
    latest: Latest | None
    heard: list[tuple[str, int]]
    last: str
    expected: bool

    @classmethod
    def of(cls, standing: Standing, id: str) -> "About":
        """How it stands with that sensor."""
        entry, latest = standing.registry.entry(id), standing.latest(id)
        heard = standing.heard_lately(latest) if latest else []
        return cls(
            id,
            entry,
            entry.location_at(standing.now),
            standing.verdict(id),
            latest,
            [(standing.prefix_of(gateway), rssi) for gateway, rssi in heard],
            standing.prefix_of(latest.gateway) if latest and latest.gateway else "",
            standing.registry.claimed(id) or (latest is not None and latest.measured_at is not None),
        )


def lines_of(about: About) -> dict[str, str]:
    """The sensor's lines by family; a family that has none for it is absent."""
    texts: dict[str, str] = {}
    for family, labels, value in (*_of_every_sensor(about), *_of_a_heard_sensor(about)):
        texts[family] = texts.get(family, "") + FAMILIES[family].line([about.id, *labels], value)
    return texts


def _of_every_sensor(about: About) -> Iterator[Line]:
    verdict = about.verdict
    yield "info", [about.entry.name or "", about.location], 1
    if not about.expected:
        return
    for one in get_args(Freshness):
        yield "freshness", [one], one == verdict.freshness
    if verdict.freshness != "fresh":
        yield "silence", [verdict.freshness, verdict.cause or "", about.last], 1
    for quantity, limit in sorted(about.entry.limits.items()):
        for end, value in limit._asdict().items():
            if value is not None:
                yield "limit", [quantity, end], value


def _of_a_heard_sensor(about: About) -> Iterator[Line]:
    latest = about.latest
    if latest is None:
        return
    if latest.refused is not None:
        yield "refused", [latest.refused.reason], latest.refused.times
    if latest.delivered is not None:
        yield "packets_expected", [], latest.delivered.expected
        yield "packets_heard", [], latest.delivered.heard
    if latest.last_seen is None:
        return
    yield "last_seen", [], latest.last_seen / 1000
    if about.verdict.freshness not in _WITH_VALUES:
        return
    for name in _VALUES:
        found = number(latest.values[name].value) if name in latest.values else None
        if found is not None:
            yield name, [], found
    yield "readings", [], latest.readings
    if latest.packet_id is not None:
        yield "packet_id", [], latest.packet_id
    for gateway, rssi in about.heard:
        yield "rssi_dbm", [gateway], rssi
