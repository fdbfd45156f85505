"""The history store behind one interface: a writing and a reading side, one file per engine."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.aggregate import SECOND, Aggregate
from schemas.delivery import HOUR_MS, Delivery
from schemas.reading import Reading

DAY_MS = 86_400_000


class StoreUnavailable(Exception):
    """The store cannot be reached or written now: wait and try again, nothing is lost.

    `retry_after`: seconds that the store itself asks to be left alone, 0 if it does not say.
    """

    def __init__(self, text: str, *, retry_after: float = 0) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class ReadingRejected(Exception):
    """The store will never take this batch: halve it until the readings at fault are found, they are dead letters."""


class StoreMisconfigured(Exception):
    """A setting of the store that can never work; the text is one line that names it."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what is kept, in days: deliveries as long as the readings that they are compared with.

    Aggregates of an hour and of a day are kept for ever.
    """

    readings: float = 30
    five_minutes: float = 365

    def readings_before(self, now: int) -> int:
        """Readings measured before this are too old at `now`; both in unix milliseconds."""
        return now - int(self.readings * DAY_MS)

    def five_minutes_before(self, now: int) -> int:
        """5-minute windows that start before this are too old at `now`; both in unix milliseconds."""
        return now - int(self.five_minutes * DAY_MS)


@dataclass(frozen=True, slots=True)
class RebuiltDay:
    """What the raw log says of one sensor's UTC day, [start, end) in unix milliseconds.

    `has_read` tells of a held reading whether the part of the log that was read holds its frame: others stay. Windows
    that end after `closed` (unix milliseconds) are open: of them only what is missing is added. So with deliveries.
    """

    sensor: str
    start: int
    end: int
    readings: Sequence[Reading]
    aggregates: Sequence[Aggregate]
    has_read: Callable[[Reading], bool]
    closed: int
    deliveries: Sequence[Delivery] = ()

    def closes(self, one: Aggregate | Delivery) -> bool:
        """Whether the rebuild knows the whole of that window."""
        return one.start + (HOUR_MS if isinstance(one, Delivery) else one.width * SECOND) <= self.closed


class HistoryWriter(Protocol):
    """The writing side. A reading is identified by (sensor, measured_at), an aggregate or a delivery by its key.

    Writing one again changes nothing. Another one of the same identity replaces it whole. Within a batch the higher
    raw coordinate or revision wins; between batches, an engine that can compare keeps the higher too, the others take
    the last, and a partition's order, which a redelivery repeats, makes that the higher one in the end.
    """

    async def write(self, readings: Sequence[Reading]) -> None:
        """Return once all of them are durable. Raises StoreUnavailable or ReadingRejected; then none counts."""

    async def write_aggregates(self, aggregates: Sequence[Aggregate]) -> None:
        """Return once all of them are durable. Raises StoreUnavailable or ReadingRejected; then none counts."""

    async def write_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Return once all of them are durable. Raises StoreUnavailable or ReadingRejected; then none counts."""

    async def prune(self, now: int, *, most: int = 1000) -> int:
        """Delete up to `most` rows of each kind that are past their retention at `now` (unix milliseconds).

        Says how many, 0 where the engine does that by itself. Raises StoreUnavailable.
        """

    async def check(self, *, aggregates: bool) -> None:
        """Return if there is where to write readings, or `aggregates`, to. Raises StoreUnavailable: what is missing."""

    async def close(self) -> None:
        """Release the store."""


class HistoryReader(Protocol):
    """The reading side; any number of processes may read while one writes."""

    def readings(self, sensor: str, start: int, end: int) -> AsyncIterator[Reading]:
        """A sensor's readings with start <= measured_at < end (unix milliseconds), oldest first.

        Streamed: a year of them is never in memory at once. Empty for a sensor or a store that nobody wrote yet.
        Raises StoreUnavailable.
        """

    def aggregates(self, sensor: str, width: int, start: int, end: int) -> AsyncIterator[Aggregate]:
        """A sensor's aggregates of `width` seconds with start <= their start < end (unix milliseconds).

        By start, quantity and index. Streamed and empty as readings are. Raises StoreUnavailable.
        """

    async def deliveries(self, sensor: str, start: int, end: int) -> Sequence[Delivery]:
        """A sensor's hours with start <= their start < end (unix milliseconds), oldest first.

        Raises StoreUnavailable.
        """

    async def stored(self, sensor: str, start: int, end: int) -> Mapping[int, int]:
        """How many readings are held of each hour, by its start: those with start <= measured_at < end.

        Hours without any are absent. Unix milliseconds. Raises StoreUnavailable.
        """

    async def newest(self) -> Sequence[Reading]:
        """The newest reading, by measured time, of every sensor that the store knows. Raises StoreUnavailable."""

    async def close(self) -> None:
        """Release the store."""


class HistoryRebuilder(HistoryReader, Protocol):
    """The reading side, and what puts a rebuild, or what another generation made, in the place of what is held."""

    async def replace(self, day: RebuiltDay) -> None:
        """Return once readings, aggregates and deliveries of the day are the rebuild's; done again, nothing changes.

        All or nothing where the engine has transactions; elsewhere what breaks off is whole when it is done again.
        Raises StoreUnavailable or ReadingRejected.
        """

    async def take_over(self, sensor: str, aggregates: Sequence[Aggregate], since: int) -> None:
        """Put a sensor's windows of another generation, whose revisions are others, in the place of what is held.

        A final one is not replaced by an open one. An open one that ends at `since` (unix milliseconds) or later and
        is not among those given makes room for what the other generation will say of it. Return once all is durable.
        Raises StoreUnavailable or ReadingRejected.
        """

    async def take_over_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Put hours of another generation in the place of what is held, but no open one in that of a final one.

        Return once all is durable. Raises StoreUnavailable or ReadingRejected.
        """
