"""The outbox: what is written to one partition, on its way to the Kafka client.

The client takes one batch a partition at a time, and a writer that waited for each would write a dozen batches a second
however small they are. So batches are handed over by a task, and what comes meanwhile goes together into the next one.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

Headers = Iterable[tuple[str, bytes]]


class Outbox:
    """Records of one topic and partition, in order. `client` is an AIOKafkaProducer.

    `failed` is called with what a batch could not be delivered for: at once, not when its turn to be awaited comes, as
    a younger batch of the partition may be delivered meanwhile.
    """

    def __init__(self, client: Any, topic: str, partition: int, failed: Callable[[BaseException], None]) -> None:
        self._client, self._topic, self._partition, self._failed = client, topic, partition, failed
        self._waiting: deque[tuple[Any, asyncio.Future[Any]]] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, key: bytes, value: bytes | None, headers: Headers) -> "asyncio.Future[Any]":
        """Take a record; its future, which others share, is done when it was delivered, or fails with its delivery."""
        # a batch that the task has taken is no more among the waiting: only an open one can be the last
        if not self._waiting or not self._append(key, value, headers):
            future = asyncio.get_running_loop().create_future()
            future.add_done_callback(self._tell)
            self._waiting.append((self._client.create_batch(), future))
            self._append(key, value, headers)  # the first record of a batch is always taken
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._hand_over())
        return self._waiting[-1][1]

    def _append(self, key: bytes, value: bytes | None, headers: Headers) -> bool:
        batch = self._waiting[-1][0]
        return batch.append(key=key, value=value, timestamp=None, headers=list(headers)) is not None

    async def _hand_over(self) -> None:
        while self._waiting:
            batch, future = self._waiting.popleft()
            try:
                delivered = await self._send(batch)
            except Exception as error:
                future.set_exception(error)
            else:
                delivered.add_done_callback(partial(_pass_on, future))

    async def _send(self, batch: Any) -> "asyncio.Future[Any]":
        delivered: asyncio.Future[Any] = await self._client.send_batch(batch, self._topic, partition=self._partition)
        return delivered

    def _tell(self, future: "asyncio.Future[Any]") -> None:
        if not future.cancelled() and (error := future.exception()):
            self._failed(error)


def _pass_on(future: "asyncio.Future[Any]", done: "asyncio.Future[Any]") -> None:
    """What became of the client's future, which is done, becomes of ours."""
    if future.done():
        return
    if done.cancelled():
        future.cancel()
    elif error := done.exception():
        future.set_exception(error)
    else:
        future.set_result(done.result())
