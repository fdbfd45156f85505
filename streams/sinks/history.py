"""readings -> the history store, whichever engine it is."""

from collections.abc import Sequence

from aiokafka import ConsumerRecord

from history.store import HistoryWriter
from schemas.codec import decode_reading
from schemas.reading import Reading
from schemas.topics import READINGS
from streams.sinks.target import Undecodable


class HistoryTarget:
    """Every reading becomes a row, identified by sensor and measured time."""

    name = "history"
    topic = READINGS

    def __init__(self, history: HistoryWriter) -> None:
        self._history = history

    def decode(self, record: ConsumerRecord) -> Reading:
        """The reading. Raises Undecodable."""
        try:
            return decode_reading(record.value or b"")
        except (ValueError, RecursionError) as error:  # msgspec's and Unicode errors are ValueErrors
            raise Undecodable(str(error)) from error

    async def write(self, items: Sequence[Reading]) -> None:
        """Return once all are durable. Raises StoreUnavailable, ReadingRejected."""
        await self._history.write(items)

    async def tidy(self) -> None:
        """Nothing: the history is kept."""

    async def close(self) -> None:
        """Release the store."""
        await self._history.close()
