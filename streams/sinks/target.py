"""Where a sink writes to: what distinguishes one sink from another. The loop that they share is in `sink`."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from aiokafka import ConsumerRecord

from history.store import ReadingRejected
from schemas.topics import Topic

Item = TypeVar("Item")


class Undecodable(Exception):
    """This record is not what its topic promises; the text says why."""


class Target(Protocol[Item]):
    """A store, and how a record becomes an item of it. `name` names the sink, its group and its dead letters."""

    name: str
    topic: Topic

    def decode(self, record: ConsumerRecord) -> Item | None:
        """The item to store, None if the record is not for this store. Raises Undecodable."""

    async def write(self, items: Sequence[Item]) -> None:
        """Return once all are durable; writing one again changes nothing. Raises StoreUnavailable, ReadingRejected."""

    async def tidy(self) -> bool:
        """A small step of upkeep, called between batches; whether one was due. Raises StoreUnavailable."""

    async def close(self) -> None:
        """Release the store."""


async def write_all_but_rejected(
    write: Callable[[Sequence[Item]], Awaitable[None]], items: Sequence[Item]
) -> list[tuple[int, str]]:
    """Write all that can be written; the index and the reason of each item that never can.

    Halves a rejected batch down to the bad ones: some 25 writes for one bad item among 5000. Raises StoreUnavailable.
    """
    try:
        await write(items)
    except ReadingRejected as rejected:
        if len(items) == 1:
            return [(0, str(rejected))]
        middle = len(items) // 2
        left = await write_all_but_rejected(write, items[:middle])
        right = await write_all_but_rejected(write, items[middle:])
        return left + [(middle + index, reason) for index, reason in right]
    return []
