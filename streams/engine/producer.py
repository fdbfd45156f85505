"""The producer: idempotent, with a future that tells of the delivery of what a stage wrote."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from faust.transport.drivers import aiokafka as driver
from faust.transport.producer import ProducerBuffer

from runtime.outbox import Outbox
from streams.engine.fail_stop import fail_stop

FLUSH_POLL_SECONDS = 0.005


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
        self._outboxes: dict[tuple[str, int], Outbox] = {}

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}

    async def partitions(self, topic: str) -> int:
        """How many partitions the topic has on the broker."""
        return len(await self._ensure_producer().partitions_for(topic))

    def send_outputs(self, outputs: Iterable[Output]) -> "list[asyncio.Future[Any]]":
        """Hand them over in order; the futures tell of their delivery, one for each native batch they went into."""
        client = self._ensure_producer()
        futures: dict[int, asyncio.Future[Any]] = {}
        for topic, partition, key, value, headers in outputs:
            place = topic, partition
            outbox = self._outboxes.get(place)
            if outbox is None:
                outbox = self._outboxes[place] = Outbox(client, topic, partition, fail_stop)
            future = outbox.add(key, value, headers)
            futures[id(future)] = future
        return list(futures.values())
