"""Alignment: the partitions of a source keep pace with each other while a backlog is worked off.

One poll may bring hours of a quiet partition and none of its neighbours. Copies of one packet, heard by gateways in
different partitions, would then be further apart than any de-duplication can remember. Pure; the consumer asks it.
"""

import bisect
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
        self._moved_at = now()

    def restart(self) -> None:
        """A rebalance: nothing is known of the partitions."""
        self._progress.clear()
        self._moved_at = self._now()

    def ahead(self, positions: Mapping[TP, int], ends: Mapping[TP, int]) -> set[TP]:
        """Partitions not to be fetched now. `positions` and `ends`: next offset to read, and the log's end."""
        lagging = [tp for tp in positions if positions[tp] < ends.get(tp, 0)]
        if len(lagging) < 2 or self._now() - self._moved_at > PATIENCE_SECONDS:
            return set()
        if any(tp not in self._progress for tp in lagging):
            return {tp for tp in lagging if tp in self._progress}
        floor = min(self._progress[tp] for tp in lagging)
        return {tp for tp in lagging if self._progress[tp] > floor + WINDOW_MS}

    def take(self, tp: TP, records: Sequence[Any], positions: Mapping[TP, int], ends: Mapping[TP, int]) -> int:
        """How many of the records may be handed out now, at least one; notes the progress."""
        others = [other for other in positions if other != tp and positions[other] < ends.get(other, 0)]
        first = self._clock_of(records[0])
        known = [self._progress[other] for other in others if other in self._progress]
        floor = min([first, *known]) if len(known) < len(others) else min(known, default=None)
        count = len(records)
        if floor is not None:
            count = max(1, bisect.bisect_right(records, max(floor, first) + WINDOW_MS, key=self._clock_of))
        self._progress[tp] = max(self._progress.get(tp, 0), self._clock_of(records[count - 1]))
        self._moved_at = self._now()
        return count
