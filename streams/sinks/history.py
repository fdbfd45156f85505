"""readings -> the history store, whichever engine it is."""

import time
from collections.abc import Sequence

from aiokafka import ConsumerRecord

from history.store import HistoryWriter
from schemas.codec import decode_reading
from schemas.reading import Reading
from schemas.topics import READINGS
from streams.sinks import metrics
from streams.sinks.due import Due
from streams.sinks.target import Undecodable

PRUNE_STEP = 1000  # rows of a kind; some 10 ms


class HistoryTarget:
    """Every reading becomes a row, identified by sensor and measured time; and out it goes when it is old enough."""

    name = "history"
    topic = READINGS

    def __init__(self, history: HistoryWriter) -> None:
        self._history = history
        self._due = Due()

    def decode(self, record: ConsumerRecord) -> Reading:
        """The reading. Raises Undecodable."""
        try:
            return decode_reading(record.value or b"")
        except (ValueError, RecursionError) as error:  # msgspec's and Unicode errors are ValueErrors
            raise Undecodable(str(error)) from error

    async def write(self, items: Sequence[Reading]) -> None:
        """Return once all are durable. Raises StoreUnavailable, ReadingRejected."""
        await self._history.write(items)
        now = time.time()
        metrics.END_TO_END.observe([max(0.0, now - item.received_at / 1000) for item in items])

    async def tidy(self) -> bool:
        """Look whether the store is there, delete a step of what is too old in it: readings and aggregates."""
        if not self._due.now():
            return False
        await self._history.check(aggregates=False)
        deleted = await self._history.prune(int(time.time() * 1000), most=PRUNE_STEP)
        self._due.done(more=deleted >= PRUNE_STEP)
        return True

    async def close(self) -> None:
        """Release the store."""
        await self._history.close()
