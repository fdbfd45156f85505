"""The producer: idempotent, and whole batches for one partition with a future that tells of their delivery."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from faust.transport.drivers import aiokafka as driver
from faust.transport.producer import ProducerBuffer

from streams.engine.fail_stop import fail_stop

FLUSH_POLL_SECONDS = 0.005


def _end_if_failed(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled() and (error := future.exception()):
        fail_stop(error)


class Output(NamedTuple):
    """One record to be written."""

    topic: str
    partition: int
    key: bytes
    value: bytes | None  # None: the key is forgotten
    headers: tuple[tuple[str, bytes], ...] = ()


class WaitingBuffer(ProducerBuffer):
    """Faust's own buffer gives a flush up after 0.1 s, and the commit then goes on without what was in it."""

    _handing_over = 0

    async def _send_pending(self, fut: Any) -> None:
        self._handing_over += 1
        try:
            await super()._send_pending(fut)
        finally:
            self._handing_over -= 1

    async def flush(self) -> None:
        """Return once everything was handed to the Kafka client; RuntimeError if nobody is there to do it."""
        while self.size or self._handing_over:
            if self.state != "running" and self.size:
                raise RuntimeError("cannot flush: the producer is not running")
            await asyncio.sleep(FLUSH_POLL_SECONDS)


class IdempotentProducer(driver.Producer):
    """Faust sets idempotence only for exactly_once; without it a retry may write a batch twice or out of order."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.buffer = WaitingBuffer(loop=self.loop, beacon=self.beacon)
        self.buffer.app = self.app

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}

    async def partitions(self, topic: str) -> int:
        """How many partitions the topic has on the broker."""
        return len(await self._ensure_producer().partitions_for(topic))

    async def send_outputs(self, outputs: Iterable[Output]) -> "list[asyncio.Future[Any]]":
        """Hand them over in order; one future for each native batch, which fails if its delivery fails."""
        client = self._ensure_producer()
        open_batches: dict[tuple[str, int], Any] = {}
        futures: list[asyncio.Future[Any]] = []
        for output in outputs:
            place = output.topic, output.partition
            batch = open_batches.get(place)
            if batch is None:
                batch = open_batches[place] = client.create_batch()
            if self._append(batch, output):
                continue
            futures.append(await client.send_batch(batch, output.topic, partition=output.partition))
            batch = open_batches[place] = client.create_batch()
            self._append(batch, output)  # the first record of a batch is always taken
        for (topic, partition), batch in open_batches.items():
            futures.append(await client.send_batch(batch, topic, partition=partition))
        for future in futures:
            # at once, not when its turn comes: a younger batch of the partition may be delivered meanwhile
            future.add_done_callback(_end_if_failed)
        return futures

    @staticmethod
    def _append(batch: Any, output: Output) -> bool:
        added = batch.append(key=output.key, value=output.value, timestamp=None, headers=list(output.headers))
        return added is not None
