"""The registry: what people say of sensors: name, dated location, expected interval, limits. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from schemas.freshness import INTERVAL_MS

UNASSIGNED = "unassigned"


class Placement(msgspec.Struct, frozen=True, array_like=True, order=True):
    """From `since` (unix milliseconds, inclusive) on the sensor is at `location`."""

    since: int
    location: str


class Limit(NamedTuple):
    """The range that is in order, ends included; None is open."""

    low: float | None
    high: float | None


class Entry(msgspec.Struct, frozen=True):
    """What is known of one sensor. `placements` sorted by time; `interval_ms` is how often it is expected to speak."""

    sensor: str
    name: str | None = None
    placements: tuple[Placement, ...] = ()
    interval_ms: int = INTERVAL_MS
    limits: dict[str, Limit] = {}

    def location_at(self, time: int) -> str:
        """Where it was at that time (unix milliseconds)."""
        found = bisect_right([placement.since for placement in self.placements], time)
        return self.placements[found - 1].location if found else UNASSIGNED


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
