"""The registry: what people say of sensors: name, dated place, dated offsets, expected interval, limits. Pure.

An entry comes from `sensors.yaml` or from the topic; of a sensor that both have, the topic's counts.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from schemas.freshness import INTERVAL_MS

UNASSIGNED = "unassigned"
_DECIMALS = 6  # of a corrected value: what windows count in, and finer than any sensor of ours


class Placement(msgspec.Struct, frozen=True, array_like=True):
    """From `since` (unix milliseconds, inclusive) on the sensor is there; with none of the three, nobody says where."""

    since: int
    room: str | None = None
    floor: str | None = None
    site: str | None = None

    @property
    def location(self) -> str:
        """The place as one text: `site/floor/room`, only what is given of it; so a room alone is its own name."""
        return "/".join(part for part in (self.site, self.floor, self.room) if part) or UNASSIGNED


class Offset(msgspec.Struct, frozen=True, array_like=True):
    """From `since` (unix milliseconds, inclusive) on so much is added to what the sensor says, in its unit."""

    since: int
    value: float


class Limit(NamedTuple):
    """The range that is in order, ends included; None is open."""

    low: float | None
    high: float | None


class Entry(msgspec.Struct, frozen=True):
    """What is known of one sensor. `placements` and `offsets`, by quantity, are sorted by time.

    `interval_ms` is how often it is expected to speak. `revision` and `changed_at` (unix milliseconds) tell of the
    topic's record; 0 for an entry of the file.
    """

    sensor: str
    name: str | None = None
    placements: tuple[Placement, ...] = ()
    interval_ms: int = INTERVAL_MS
    limits: dict[str, Limit] = {}
    offsets: dict[str, tuple[Offset, ...]] = {}
    revision: int = 0
    changed_at: int = 0

    def placement_at(self, time: int) -> Placement | None:
        """The place that holds at that time (unix milliseconds), if one does."""
        found = bisect_right(self.placements, time, key=_since)
        return self.placements[found - 1] if found else None

    def location_at(self, time: int) -> str:
        """Where it was at that time (unix milliseconds)."""
        found = self.placement_at(time)
        return found.location if found else UNASSIGNED

    def offset_at(self, quantity: str, time: int) -> float:
        """What is added to that quantity at that time (unix milliseconds); 0 if nothing is."""
        dated = self.offsets.get(quantity, ())
        found = bisect_right(dated, time, key=_since)
        return dated[found - 1].value if found else 0.0

    def corrected(self, values: Mapping[str, object], time: int) -> tuple[dict[str, object], dict[str, object]]:
        """The values of a packet measured then with their offsets added, and what was said of those that changed."""
        right, said = dict(values), dict[str, object]()
        for quantity in self.offsets.keys() & values.keys():
            if offset := self.offset_at(quantity, time):
                moved = _moved(values[quantity], offset)
                if moved != values[quantity]:
                    right[quantity], said[quantity] = moved, values[quantity]
        return right, said


class Registry:
    """Every entry by sensor id. A sensor without one is unclaimed: listed, never dropped."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries: Mapping[str, Entry] = {entry.sensor: entry for entry in entries}

    def entry(self, sensor: str) -> Entry:
        """The sensor's entry; an empty one if it is unclaimed."""
        return self.entries.get(sensor) or Entry(sensor)

    def claimed(self, sensor: str) -> bool:
        """Whether somebody entered it."""
        return sensor in self.entries

    def location(self, sensor: str, time: int) -> str:
        """Where the sensor was at that time (unix milliseconds), `unassigned` if nobody says."""
        found = self.entries.get(sensor)
        return found.location_at(time) if found else UNASSIGNED


def _since(dated: Placement | Offset) -> int:
    return dated.since


def _moved(value: object, offset: float) -> object:
    """A number, or each number of a list, with the offset; a switch or a text is nothing that one could correct."""
    if isinstance(value, list):
        return [_moved(item, offset) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return round(value + offset, _DECIMALS)
