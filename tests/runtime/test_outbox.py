"""Records on their way to the Kafka client, which takes one batch a partition at a time."""

import asyncio
from typing import Any

from runtime.outbox import Outbox

ROOM = 100  # records of a batch


class Batch:
    """A builder of the client's."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def append(self, *, key: Any, value: Any, timestamp: Any, headers: Any) -> Any:
        if len(self.values) == ROOM:
            return None
        self.values.append(value)
        return value


class SlowClient:
    """Takes the next batch only when it has place for it; its deliveries are to be told."""

    def __init__(self) -> None:
        self.place = asyncio.Semaphore(1)
        self.taken: list[list[Any]] = []
        self.deliveries: list[asyncio.Future[None]] = []

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> "asyncio.Future[None]":
        await self.place.acquire()
        self.taken.append(batch.values)
        self.deliveries.append(asyncio.get_running_loop().create_future())
        return self.deliveries[-1]


async def turn() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_comes_while_the_client_is_busy_goes_together_into_the_next_batch() -> None:
    client = SlowClient()
    causes: list[BaseException] = []
    outbox = Outbox(client, "out", 0, causes.append)
    outbox.add(b"k", b"first", ())
    await turn()
    futures = [outbox.add(b"k", b"%d" % number, ()) for number in range(ROOM)]
    await turn()
    assert client.taken == [[b"first"]], "nobody waited for the client"
    client.place.release()
    await turn()
    assert client.taken == [[b"first"], [b"%d" % number for number in range(ROOM)]]
    assert len(set(futures)) == 1
    client.deliveries[1].set_result(None)
    await asyncio.wait_for(futures[0], 5)


async def test_a_delivery_that_fails_is_known_at_once() -> None:
    """Not when somebody comes to await it: younger batches, and their commit, could be through by then."""
    causes: list[BaseException] = []
    client = SlowClient()
    future = Outbox(client, "out", 0, causes.append).add(b"k", b"v", ())
    await turn()
    client.deliveries[0].set_exception(ConnectionError("refused"))
    await turn()
    assert [str(cause) for cause in causes] == ["refused"]
    assert isinstance(future.exception(), ConnectionError)
