"""Whether two generations say the same of every sensor: what `bluflow generation compare` shows."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from runtime.snapshot import snapshot
from schemas.codec import decode_latest
from schemas.reading import Latest
from streams.deduplicate import WINDOW_MS


class Comparison(NamedTuple):
    """Of the sensors of two: `same` agree; `older` stand at another packet, one generation being ahead; `differ`: the
    same packet, other values, sensor -> in which; `only`: sensors that one of them lacks, for each."""

    same: int
    older: tuple[int, int]
    differ: Mapping[str, str]
    only: tuple[list[str], list[str]]


async def latest_of(broker: str, topic: str) -> dict[str, Latest]:
    """The newest of every sensor. Raises NoSuchTopic, KafkaError."""
    held: dict[str, Latest] = {}
    async for record in snapshot(broker, topic):
        if record.value is None:
            held.pop((record.key or b"").decode(errors="replace"), None)
            continue
        found = decode_latest(record.value)
        if found.sensor not in held or found.revision > held[found.sensor].revision:
            held[found.sensor] = found
    return held


def compare(one: Mapping[str, Latest], other: Mapping[str, Latest]) -> Comparison:
    """What the two say of each sensor. Where gateways raced, times and gateways may be another copy's."""
    same, older, differ = 0, [0, 0], dict[str, str]()
    for sensor in sorted(one.keys() & other.keys()):
        ours, theirs = one[sensor], other[sensor]
        apart = (ours.measured_at or 0) - (theirs.measured_at or 0)
        if abs(apart) > WINDOW_MS or ours.packet_id != theirs.packet_id:
            older[apart > 0] += 1
        elif difference := _difference(ours, theirs):
            differ[sensor] = difference
        else:
            same += 1
    return Comparison(
        same, (older[0], older[1]), differ, (sorted(one.keys() - other.keys()), sorted(other.keys() - one.keys()))
    )


def _difference(ours: Latest, theirs: Latest) -> str:
    parts = []
    for name in sorted(ours.values.keys() | theirs.values.keys()):
        mine, yours = (each.values.get(name) for each in (ours, theirs))
        if (mine and mine.value) != (yours and yours.value):
            parts.append(f"{name} {mine.value if mine else '-'} / {yours.value if yours else '-'}")
    return ", ".join(parts)


def as_json(names: tuple[str, str], found: Comparison, most: int) -> dict[str, Any]:
    """Counts, and the first `most` sensors of each kind."""
    return {
        "generations": list(names),
        "same": found.same,
        "older_in": dict(zip(names, found.older, strict=True)),
        "differ": {"sensors": len(found.differ), "first": dict(list(found.differ.items())[:most])},
        "only_in": {
            name: {"sensors": len(only), "first": only[:most]} for name, only in zip(names, found.only, strict=True)
        },
    }


def as_text(names: tuple[str, str], found: Comparison, most: int) -> str:
    """The same in lines."""
    lines = [f"{found.same} sensors agree"]
    lines += [f"{count} stand at an older packet in {name}" for name, count in zip(names, found.older, strict=True)]
    lines.append(f"{len(found.differ)} differ" + (f" ({' / '.join(names)}):" if found.differ else ""))
    lines += [f"  {sensor}: {difference}" for sensor, difference in list(found.differ.items())[:most]]
    for name, only in zip(names, found.only, strict=True):
        more = ", ..." if len(only) > most else ""
        lines.append(f"{len(only)} only in {name}" + (f": {', '.join(only[:most])}{more}" if only else ""))
    return "\n".join(lines)
