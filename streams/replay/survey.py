"""Where the records of a stored log stand: which partitions there are and when, and what must be missing. Pure."""

from dataclasses import dataclass, field

from history.archive import Place
from history.spans import Span
from schemas.freshness import PIPELINE_BEHIND_MS

# Each raw partition gets a tick every 30 s while the bridge is up: in a longer silence nothing was received.
HOLE_MS = 10 * 60_000


@dataclass(slots=True)
class Survey:
    """Fed with every place of [start, end), in order, and with some from before and behind. Unix milliseconds.

    `first` and `last` of each partition are of the range, `beyond` its first behind it.
    """

    start: int
    end: int
    total: int = 0
    first: dict[int, Place] = field(default_factory=dict)
    last: dict[int, Place] = field(default_factory=dict)
    missing: list[Span] = field(default_factory=list)
    beyond: dict[int, Place] = field(default_factory=dict)
    _before: dict[int, Place] = field(default_factory=dict)

    def saw(self, place: Place) -> None:
        """There is a record."""
        partition = place.partition
        before = self._before.get(partition)
        if before is not None and _lack(before, place):
            self.missing.append((before.received_at, place.received_at))
        self._before[partition] = place
        if place.received_at >= self.end:
            self.beyond.setdefault(partition, place)
        elif place.received_at >= self.start:
            self.total += 1
            self.first.setdefault(partition, place)
            self.last[partition] = place

    @property
    def through(self) -> int:
        """Up to when every partition was read."""
        if not self.first and not self.beyond:
            return self.start
        return min((self.last[each].received_at for each in self.last.keys() - self.beyond.keys()), default=self.end)

    def away(self, time: int) -> list[int]:
        """The partitions that have no records about that time, as their log had not begun or was over."""
        return [
            each
            for each, first in self.first.items()
            if time < first.received_at - HOLE_MS or time > self.last[each].received_at + HOLE_MS
        ]


def _lack(before: Place, place: Place) -> bool:
    """Whether records between them are gone: at least as many as the ticks of that time.

    Where offsets go back, another log begins; where they go on, the bridge was away. A single one is missing where
    the archive's sink left out what a command had put back into the log.
    """
    silence, skipped = place.received_at - before.received_at, place.offset - before.offset - 1
    return silence > HOLE_MS and skipped >= silence // PIPELINE_BEHIND_MS
