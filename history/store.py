"""The history store behind one interface: a writing and a reading side, one file per engine."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from schemas.reading import Reading


class StoreUnavailable(Exception):
    """The store cannot be reached or written now: wait and try again, nothing is lost."""


class ReadingRejected(Exception):
    """The store will never take this batch: halve it until the readings at fault are found, they are dead letters."""


class HistoryWriter(Protocol):
    """The writing side. A reading is identified by (sensor, measured_at): writing it again changes nothing.

    Another reading of the same identity replaces it whole, unless its raw coordinate is lower.
    """

    async def write(self, readings: Sequence[Reading]) -> None:
        """Return once all of them are durable. Raises StoreUnavailable or ReadingRejected; then none counts."""

    async def close(self) -> None:
        """Release the store."""


class HistoryReader(Protocol):
    """The reading side; any number of processes may read while one writes."""

    def readings(self, sensor: str, start: int, end: int) -> AsyncIterator[Reading]:
        """A sensor's readings with start <= measured_at < end (unix milliseconds), oldest first.

        Streamed: a year of them is never in memory at once. Empty for a sensor or a store that nobody wrote yet.
        Raises StoreUnavailable.
        """

    async def newest(self) -> Sequence[Reading]:
        """The newest reading, by measured time, of every sensor that the store knows. Raises StoreUnavailable."""

    async def close(self) -> None:
        """Release the store."""
