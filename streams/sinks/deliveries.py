"""deliveries -> the history store, whichever engine it is."""

from collections.abc import Sequence

from aiokafka import ConsumerRecord

from history.store import HistoryWriter
from schemas.codec import decode_delivery
from schemas.delivery import Delivery
from schemas.topics import DELIVERIES
from streams.sinks.due import Due
from streams.sinks.target import Undecodable


class DeliveriesTarget:
    """Every hour of a sensor becomes a row, which later revisions of it replace."""

    name = "deliveries"
    topic = DELIVERIES

    def __init__(self, history: HistoryWriter) -> None:
        self._history = history
        self._due = Due()

    def decode(self, record: ConsumerRecord) -> Delivery:
        """The hour. Raises Undecodable."""
        try:
            return decode_delivery(record.value or b"")
        except (ValueError, RecursionError) as error:
            raise Undecodable(str(error)) from error

    async def write(self, items: Sequence[Delivery]) -> None:
        """Return once all are durable. Raises StoreUnavailable, ReadingRejected."""
        await self._history.write_deliveries(items)

    async def tidy(self) -> bool:
        """Look whether the store is there. What is too old, the history's own sink deletes."""
        if not self._due.now():
            return False
        await self._history.check(aggregates=False)  # they lie where the readings do
        self._due.done()
        return True

    async def close(self) -> None:
        """Release the store."""
        await self._history.close()
