"""The history store behind one interface: a writing and a reading side, one file per engine."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from schemas.reading import Reading


class StoreUnavailable(Exception):
    """The store cannot be reached or written now: wait and try again, nothing is lost."""


class ReadingRejected(Exception):
    """The store will never take this batch; bisect it, what is left of it is a dead letter."""


class HistoryWriter(Protocol):
    """The writing side. A reading is identified by (sensor, measured_at): writing it again changes nothing."""

    async def write(self, readings: Sequence[Reading]) -> None:
        """Return once all of them are durable. Raises StoreUnavailable or ReadingRejected; then none counts."""

    async def close(self) -> None:
        """Release the store."""


class HistoryReader(Protocol):
    """The reading side; any number of processes may read while one writes."""

    def readings(self, sensor: str, start: int, end: int) -> AsyncIterator[Reading]:
        """A sensor's readings with start <= measured_at < end (unix milliseconds), oldest first, streamed."""

    async def newest(self) -> Sequence[Reading]:
        """The newest reading of every sensor that the store knows."""

    async def close(self) -> None:
        """Release the store."""
