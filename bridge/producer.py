"""The Kafka side: sends what is in flight, in order, and starts again from the oldest unacked after any failure."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    ProducerClosed,
    RecordListTooLargeError,
)

from bridge.backoff import Backoff
from bridge.in_flight import Delivery, InFlight
from bridge.metrics import DEAD_LETTERS, DELIVERY_ERRORS, FORWARDED, LAST_DELIVERY, TICKS
from bridge.route import Record, refused
from bridge.settings import BridgeSettings
from runtime.kafka import partition_of
from runtime.kafka_login import kafka_login
from runtime.outbox import Outbox

log = logging.getLogger("bluflow.bridge.kafka")

# The record's own fault: sending it again would not help.
REFUSALS = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidTopicError)
STALLED = 10.0  # seconds without a delivery until we say that we are not ready
_LONGEST_PAUSE = 3.0  # seconds between two tries; Kafka is asked by few bridges, and what waits is worked off after it
_REQUEST_TIMEOUT = 15.0  # seconds; the idempotent producer asks again, without duplicates
_BATCH = 128 * 1024  # bytes


class _PatientOutbox(Outbox):
    """Asks again while the broker is away."""

    def __init__(self, attempt: "_Attempt", topic: str, partition: int) -> None:
        super().__init__(attempt.client, topic, partition, attempt.fail)
        self._attempt = attempt

    async def _send(self, batch: Any) -> "asyncio.Future[Any]":
        while True:
            try:
                return await super()._send(batch)
            except KafkaTimeoutError:
                # the partition's place in the client is taken, the broker away: this batch was not taken
                if self._attempt.error is not None:
                    raise


class _Attempt:
    """One producer's life. What its futures say after it failed no longer counts."""

    def __init__(self, client: Any, changed: asyncio.Event) -> None:
        self.client, self._changed = client, changed
        self.error: BaseException | None = None
        self._outboxes: dict[str, list[_PatientOutbox]] = {}  # by topic, one a partition

    def fail(self, error: BaseException) -> None:
        """Its first error ends it."""
        self.error = self.error or error
        self._changed.set()

    async def send(self, record: Record) -> "asyncio.Future[Any]":
        """Give the record to the producer; the future resolves when Kafka has it."""
        outboxes = self._outboxes.get(record.topic)
        if outboxes is None:
            partitions = await self.client.partitions_for(record.topic)
            outboxes = [_PatientOutbox(self, record.topic, partition) for partition in sorted(partitions)]
            self._outboxes[record.topic] = outboxes
        if record.everywhere:
            return asyncio.gather(*(outbox.add(record.key, record.value, record.headers) for outbox in outboxes))
        outbox = outboxes[partition_of(record.key, len(outboxes))]
        return outbox.add(record.key, record.value, record.headers)


class Forwarder:
    """Delivers what is in flight for ever. Any failure means a new producer: at least once, in order, nothing lost."""

    def __init__(self, settings: BridgeSettings, in_flight: InFlight) -> None:
        self._broker = settings.broker
        self._prefix = settings.topic_prefix
        self._in_flight = in_flight
        self._backoff = Backoff(longest=_LONGEST_PAUSE)
        self._one_by_one = 0
        self._trouble: str | None = "not started yet"

    @property
    def problem(self) -> str | None:
        """Why Kafka does not take records, None if it does."""
        if self._trouble is None and self._in_flight.age() > STALLED:
            return f"Kafka at {self._broker} has not taken a record for {self._in_flight.age():.0f} s"
        return f"Kafka at {self._broker}: {self._trouble}" if self._trouble else None

    async def run(self) -> None:
        """Never returns. A broker that is away is waited for; a bug is raised."""
        while True:
            try:
                async with self._producer() as producer:
                    if not self._in_flight:
                        self._trouble = None  # else when one of them is delivered
                    await self._deliver(producer)
            except (KafkaError, OSError, TimeoutError) as error:
                if isinstance(error, REFUSALS):
                    # Kafka refuses batches whole: one of them is at fault, find it without its neighbours.
                    self._one_by_one = len(self._in_flight)
                DELIVERY_ERRORS.labels(type(error).__name__).inc()
                self._trouble = f"{type(error).__name__} {error}".strip()
                log.warning(
                    "delivering to %s failed, %d go again: %s", self._broker, len(self._in_flight), self._trouble
                )
                self._in_flight.rewind()
            await asyncio.sleep(self._backoff.next())

    @contextlib.asynccontextmanager
    async def _producer(self) -> AsyncIterator[Any]:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._broker,
            **kafka_login(),
            client_id="bluflow-bridge",
            acks="all",
            enable_idempotence=True,
            linger_ms=5,
            max_batch_size=_BATCH,
            request_timeout_ms=int(_REQUEST_TIMEOUT * 1000),
        )
        try:
            # Bounded, because it asks for a producer id for ever.
            await asyncio.wait_for(producer.start(), 2 * _REQUEST_TIMEOUT)
            yield producer
        finally:
            await _abandon(producer)

    async def _deliver(self, producer: Any) -> None:
        attempt = _Attempt(producer, self._in_flight.changed)
        try:
            while True:
                if attempt.error is not None:
                    raise attempt.error
                delivery = self._in_flight.next_unsent()
                if delivery is None:
                    self._in_flight.changed.clear()
                    await self._in_flight.changed.wait()
                    continue
                assert delivery.record is not None
                future = await attempt.send(delivery.record)
                self._in_flight.sent()
                future.add_done_callback(partial(self._settled, attempt, delivery))
                if self._one_by_one:
                    self._one_by_one -= 1
                    await asyncio.wait({future})
                    refusal = future.exception()
                    if isinstance(refusal, REFUSALS):
                        self._replace(delivery, refusal)
        finally:
            attempt.error = attempt.error or ProducerClosed()

    def _settled(self, attempt: _Attempt, delivery: Delivery, future: "asyncio.Future[Any]") -> None:
        error = ProducerClosed() if future.cancelled() else future.exception()
        if attempt.error is not None:
            return  # of a producer that is given up; the record goes again
        if error is not None:
            attempt.fail(error)
            return
        assert delivery.record is not None
        if delivery.record.everywhere:
            TICKS.inc()
        elif delivery.record.reason:
            DEAD_LETTERS.labels(delivery.record.reason).inc()
        else:
            FORWARDED.inc()
        LAST_DELIVERY.set(time.time())
        self._backoff.reset()
        self._trouble = None
        self._in_flight.delivered(delivery)

    def _replace(self, delivery: Delivery, error: BaseException) -> None:
        """Put a dead letter in the place of a record that Kafka refuses. Raises `error` if none is left to try."""
        assert delivery.record is not None
        detail = f"{type(error).__name__} {error}".strip()
        letter = refused(delivery.record, self._prefix, detail, time.time_ns() // 1_000_000)
        if letter is None:
            raise error
        about = {"gateway": delivery.record.key.decode(errors="replace")} if delivery.record.key else {}
        log.warning("Kafka refuses a record of %d bytes: %s", delivery.record.size(), detail, extra=about)
        delivery.record = letter


async def _abandon(producer: Any) -> None:
    """Close a producer without its flush, which would wait for ever for a broker that is away.

    What it still held is either delivered or goes again, so nothing is lost. aiokafka has no public way;
    its version is pinned.
    """
    sender = producer._sender.sender_task
    if sender is not None:
        while not sender.done():
            sender.cancel()  # once to stop its loop, again to stop its wait for requests in flight
            await asyncio.wait({sender}, timeout=1.0)
    producer._closed = True
    await producer.client.close()
