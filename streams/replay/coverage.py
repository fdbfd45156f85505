"""What of the raw log was read: which rows of the history it may replace, and which days it knows whole. Pure."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field

from history.archive import Placed
from history.spans import Span, union, without
from history.store import DAY_MS
from schemas.reading import Reading
from streams.replay.days import LEAD_IN_MS
from streams.replay.survey import HOLE_MS

_ARCHIVED = ("archived", b"1")  # came back from the archive after a reboot: the log did not begin with it


@dataclass(slots=True)
class Coverage:
    """Fed with each record read, in order of arrival. Times in unix milliseconds.

    `start`: from when on the log was asked for. `cut`: the partitions of which what came before their first record may
    have been deleted; one that is whole began with its first record. `by_offset`: an offset was given out once only.
    `missing`: when records arrived that are not there.
    """

    start: int
    cut: Set[int]
    by_offset: bool = False
    missing: Sequence[Span] = ()
    first: dict[int, int] = field(default_factory=dict)
    last: int = 0
    _holes: list[Span] = field(default_factory=list)
    _through: dict[int, tuple[int, int]] = field(default_factory=dict)

    def saw(self, placed: Placed) -> None:
        """A record was read."""
        partition = placed.record.partition
        if not self.first:
            self.last = placed.received_at
        if partition not in self.first:
            self.first[partition] = placed.received_at
            if placed.offset == 0 and _ARCHIVED in placed.record.headers:
                self.cut = {*self.cut, partition}
        if placed.received_at - self.last > HOLE_MS:
            self._holes.append((self.last, placed.received_at))
        self.last = max(self.last, placed.received_at)
        through = self._place(placed.received_at, placed.offset)
        self._through[partition] = max(through, self._through.get(partition, through))

    def has_read(self, held: Reading) -> bool:
        """Whether the frame of that reading is at or below the place up to which its partition was read."""
        through = self._through.get(held.at.partition)
        if through is None:  # by another number of partitions
            return held.received_at <= self.last
        return self._place(held.received_at, held.at.offset) <= through

    def _place(self, received_at: int, offset: int) -> tuple[int, int]:
        return (0, offset) if self.by_offset else (received_at, offset)

    def lacks(self, held: Reading) -> bool:
        """Whether the log was read where the frame of that reading should be, and it cannot be there."""
        at = held.received_at
        if not self.has_read(held):
            return False
        first = self.first.get(held.at.partition, min(self.first.values(), default=None))
        return first is None or at < first or any(low < at < high for low, high in self._holes)

    def begins(self) -> int:
        """From when on the log is whole."""
        return max((self.first.get(each, 1 << 62) for each in self.cut), default=self.start)

    def knows(self, day: int) -> bool:
        """Whether the log goes back to a day's lead-in; `day` is its midnight."""
        return self.begins() <= day - LEAD_IN_MS

    def lost(self, day: int) -> list[Span]:
        """When records arrived that the day needs, and that are not there."""
        return [span for span in union(self.missing) if span[0] < day + DAY_MS and span[1] > day - LEAD_IN_MS]

    def whole(self, through: int) -> list[Span]:
        """When, up to `through`, the log is whole."""
        return without((self.begins(), through), self.missing)
