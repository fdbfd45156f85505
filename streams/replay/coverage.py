"""What of the raw log was read: which rows of the history it may replace, and which days it knows whole. Pure."""

from dataclasses import dataclass, field

from history.archive import Placed
from schemas.reading import Reading
from streams.replay.days import LEAD_IN_MS

# Each raw partition gets a tick every 30 s while the bridge is up: in a longer silence nothing was received.
HOLE_MS = 10 * 60_000
_ARCHIVED = ("archived", b"1")  # came back from the archive after a reboot: the log did not begin with it


@dataclass(slots=True)
class Coverage:
    """Fed with each record read, in order of arrival. Times in unix milliseconds.

    `start`: from when on the log was asked for. `cut`: whether what came before the first record may have been
    deleted; a log that is whole began with its first record. `by_offset`: an offset was given out once only.
    """

    start: int
    cut: bool
    by_offset: bool = False
    first: int | None = None
    last: int = 0
    _holes: list[tuple[int, int]] = field(default_factory=list)
    _through: dict[int, tuple[int, int]] = field(default_factory=dict)

    def saw(self, placed: Placed) -> None:
        """A record was read."""
        if self.first is None:
            self.first = self.last = placed.received_at
            self.cut = self.cut or _ARCHIVED in placed.record.headers
        if placed.received_at - self.last > HOLE_MS:
            self._holes.append((self.last, placed.received_at))
        self.last = max(self.last, placed.received_at)
        partition, through = placed.record.partition, self._place(placed.received_at, placed.offset)
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
        return self.first is None or at < self.first or any(low < at < high for low, high in self._holes)

    def begins(self) -> int:
        """From when on the log is whole."""
        if not self.cut:
            return self.start
        return self.first if self.first is not None else 1 << 62

    def knows(self, day: int) -> bool:
        """Whether the log is whole from a day's lead-in on; `day` is its midnight."""
        return self.begins() <= day - LEAD_IN_MS
