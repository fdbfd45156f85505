"""aggregates -> the history store, whichever engine it is."""

from collections.abc import Sequence

from aiokafka import ConsumerRecord

from history.store import HistoryWriter
from schemas.aggregate import WIDTHS, Aggregate
from schemas.codec import decode_aggregate
from schemas.topics import AGGREGATES
from streams.sinks.due import Due
from streams.sinks.target import Undecodable


class AggregatesTarget:
    """Every window of a quantity becomes a row, which later revisions of it replace."""

    name = "aggregates"
    topic = AGGREGATES

    def __init__(self, history: HistoryWriter) -> None:
        self._history = history
        self._due = Due()

    def decode(self, record: ConsumerRecord) -> Aggregate:
        """The aggregate. Raises Undecodable."""
        try:
            aggregate = decode_aggregate(record.value or b"")
        except (ValueError, RecursionError) as error:
            raise Undecodable(str(error)) from error
        if aggregate.width not in WIDTHS:
            raise Undecodable(f"a window of {aggregate.width} s")
        return aggregate

    async def write(self, items: Sequence[Aggregate]) -> None:
        """Return once all are durable. Raises StoreUnavailable, ReadingRejected."""
        await self._history.write_aggregates(items)

    async def tidy(self) -> bool:
        """Look whether the store is there. What is too old, the history's own sink deletes."""
        if not self._due.now():
            return False
        await self._history.check(aggregates=True)
        self._due.done()
        return True

    async def close(self) -> None:
        """Release the store."""
        await self._history.close()
