"""The outbox: what a stage writes to one partition, on its way to the Kafka client.

The client takes one batch a partition at a time, and a stage that waited for each would write a dozen batches a second
however small they are. So batches are handed over by a task, and what comes meanwhile goes together into the next one.
"""

import asyncio
from collections import deque
from typing import Any

from streams.engine.fail_stop import fail_stop


class Outbox:
    """Records of one topic and partition, in order. `client` is an AIOKafkaProducer."""

    def __init__(self, client: Any, topic: str, partition: int) -> None:
        self._client, self._topic, self._partition = client, topic, partition
        self._waiting: deque[tuple[Any, asyncio.Future[Any]]] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, key: bytes, value: bytes | None, headers: tuple[tuple[str, bytes], ...]) -> "asyncio.Future[Any]":
        """Take a record; its future, which others share, is done when it was delivered, or fails with its delivery."""
        # a batch that the task has taken is no more among the waiting: only an open one can be the last
        if not self._waiting or not self._append(key, value, headers):
            future = asyncio.get_running_loop().create_future()
            # at once, not when its turn comes: a younger batch of the partition may be delivered meanwhile
            future.add_done_callback(_end_if_failed)
            self._waiting.append((self._client.create_batch(), future))
            self._append(key, value, headers)  # the first record of a batch is always taken
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._hand_over())
        return self._waiting[-1][1]

    def _append(self, key: bytes, value: bytes | None, headers: tuple[tuple[str, bytes], ...]) -> bool:
        batch = self._waiting[-1][0]
        return batch.append(key=key, value=value, timestamp=None, headers=list(headers)) is not None

    async def _hand_over(self) -> None:
        while self._waiting:
            batch, future = self._waiting.popleft()
            try:
                delivered = await self._client.send_batch(batch, self._topic, partition=self._partition)
            except Exception as error:
                future.set_exception(error)
            else:
                delivered.add_done_callback(lambda done, future=future: _pass_on(done, future))


def _pass_on(done: "asyncio.Future[Any]", future: "asyncio.Future[Any]") -> None:
    """What became of the client's future becomes of ours."""
    if future.done():
        return
    if done.cancelled():
        future.cancel()
    elif error := done.exception():
        future.set_exception(error)
    else:
        future.set_result(done.result())


def _end_if_failed(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled() and (error := future.exception()):
        fail_stop(error)
