"""Alignment: the partitions of a source keep pace with each other while a backlog is worked off.

One poll may bring hours of a quiet partition and none of its neighbours. Copies of one packet, heard by gateways in
different partitions, would then be further apart than any de-duplication can remember. Pure; the consumer asks it.

Clocks may go back: a dead frame that is redriven keeps its arrival. How far a partition has come is the newest clock
that was handed out, and what came back with an older one goes along with its neighbours.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from faust.types import TP

WINDOW_MS = 5 * 60_000
PATIENCE_SECONDS = 10.0  # a partition whose broker is away must not hold the others for ever


class Alignment:
    """Progress of each partition by the clock its records carry (unix milliseconds)."""

    def __init__(self, clock_of: Callable[[Any], int], now: Callable[[], float]) -> None:
        self._clock_of, self._now = clock_of, now
        self._progress: dict[TP, int] = {}
        self._waited_for: dict[TP, tuple[int, float]] = {}  # partition -> where it stands, since when

    def restart(self) -> None:
        """A rebalance: nothing is known of the partitions."""
        self._progress.clear()
        self._waited_for.clear()

    def ahead(self, positions: Mapping[TP, int], ends: Mapping[TP, int]) -> set[TP]:
        """Partitions not to be fetched now. `positions` and `ends`: next offset to read, and the log's end."""
        lagging = [tp for tp in positions if positions[tp] < ends.get(tp, 0)]
        unknown = {tp for tp in lagging if tp not in self._progress}
        if unknown:
            ahead, last = set(lagging) - unknown, unknown
        else:
            floor = min((self._progress[tp] for tp in lagging), default=0)
            ahead = {tp for tp in lagging if self._progress[tp] > floor + WINDOW_MS}
            last = {tp for tp in lagging if self._progress[tp] == floor}
        if not ahead:
            self._waited_for.clear()
            return ahead
        since = self._now()
        self._waited_for = {tp: self._waited_for.get(tp, (positions[tp], since)) for tp in last}
        # patience is with those that are waited for: that others move says nothing about them
        for tp, (position, _) in list(self._waited_for.items()):
            if position != positions[tp]:
                self._waited_for[tp] = positions[tp], since
        newest = max(asked for _, asked in self._waited_for.values())
        return set() if since - newest > PATIENCE_SECONDS else ahead

    def take(self, tp: TP, records: Sequence[Any], positions: Mapping[TP, int], ends: Mapping[TP, int]) -> int:
        """How many of the records may be handed out now, at least one; notes the progress."""
        others = [other for other in positions if other != tp and positions[other] < ends.get(other, 0)]
        first = self._clock_of(records[0])
        known = [self._progress[other] for other in others if other in self._progress]
        floor = min([first, *known]) if len(known) < len(others) else min(known, default=None)
        edge = math.inf if floor is None else max(floor, first) + WINDOW_MS
        count, newest = 0, self._progress.get(tp, 0)
        for record in records:
            clock = self._clock_of(record)
            if clock > edge:
                break
            count, newest = count + 1, max(newest, clock)
        self._progress[tp] = newest
        return count
