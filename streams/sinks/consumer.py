"""A sink's membership in its consumer group: takes batches, commits them, and lives on while the store is away."""

import asyncio
import contextlib
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from schemas.topics import Topic
from streams.sinks import metrics
from streams.sinks.condition import Condition, log
from streams.sinks.settings import SinkSettings

Batch = dict[TopicPartition, list[ConsumerRecord]]

POLL = 0.5  # seconds that a poll waits for the first record
ASK_EVERY = 3.0  # seconds between two looks at the topic's end: the lag, and whether Kafka is there at all
PATIENCE = 5.0  # seconds for an answer of Kafka
JOIN = 60.0  # seconds for partitions to be assigned
POLL_LIMIT = 300.0  # seconds without a poll until a member leaves its group; a write takes far less


class Member(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """One life of the consumer. A method that finds Kafka away raises KafkaError, OSError or TimeoutError."""

    def __init__(self, sink: str, topic: Topic, settings: SinkSettings, kafka: Condition) -> None:
        self._sink = sink
        self._topic = topic.full_name(settings.topic_prefix)
        self._settings = settings
        self._kafka = kafka
        self._ask_at = 0.0
        session = int(settings.session_seconds * 1000)
        self._consumer: Any = AIOKafkaConsumer(
            bootstrap_servers=settings.broker,
            client_id=f"bluflow-sink-{sink}",
            group_id=f"{settings.topic_prefix}sink-{sink}",
            group_instance_id=f"{settings.member_id}-{sink}" if settings.member_id else None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=session,
            heartbeat_interval_ms=session // 4,
            max_poll_interval_ms=int(POLL_LIMIT * 1000),
            request_timeout_ms=session + 5000,
        )

    async def __aenter__(self) -> Self:
        self._consumer.subscribe([self._topic], listener=self)
        try:
            async with asyncio.timeout(JOIN):
                await self._consumer.start()
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._leave()

    async def gather(self) -> Batch:
        """Records of at most a batch's size and age; empty after half a second without any."""
        batch: Batch = {}
        room, wait = self._settings.batch_records, POLL
        until: float | None = None
        while room > 0 and wait > 0:
            more = await self._poll(wait, room)
            if not more and until is None:
                break
            for partition, records in more.items():
                batch.setdefault(partition, []).extend(records)
                room -= len(records)
            until = until or time.monotonic() + self._settings.batch_seconds
            wait = until - time.monotonic()
        return batch

    async def commit(self, batch: Batch) -> None:
        """Commit what of the batch is still ours. The new owner of the rest writes it again, to the same rows."""
        mine = self._consumer.assignment()
        offsets = {partition: records[-1].offset + 1 for partition, records in batch.items() if partition in mine}
        if not offsets:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError) as error:
            log.info("%s: a rebalance came before the commit, the new owner writes again: %s", self._sink, error)

    def give_back(self, batch: Batch) -> None:
        """Forget the batch: it is fetched again, so that an outage holds nothing in memory."""
        for partition, records in batch.items():
            if partition in self._consumer.assignment():
                self._consumer.seek(partition, records[0].offset)

    async def stay(self, seconds: float) -> None:
        """Take nothing for a while, but keep polling: a member that does not poll is put out of its group."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._consumer.pause(*self._consumer.assignment())  # each time: a rebalance may bring new ones
            self.give_back(await self._poll(min(left, POLL), 1))
        self._consumer.resume(*self._consumer.paused())

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Nothing to do: what is not committed yet is the next owner's."""

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Go back by the overlap. aiokafka does not pass on what is raised here, so trouble is said here."""
        assigned = set(assigned)
        if not self._settings.overlap_records or not assigned:
            return
        try:
            starts = await self._consumer.beginning_offsets(assigned)
            for partition in assigned:
                committed = await self._consumer.committed(partition)
                if committed is not None:
                    back = max(starts[partition], committed - self._settings.overlap_records)
                    self._consumer.seek(partition, min(back, committed))
        except KafkaError as error:
            log.warning("%s: no overlap for this assignment: %r", self._sink, error)

    async def _poll(self, seconds: float, most: int) -> Batch:
        await self._ask()
        async with asyncio.timeout(JOIN):  # while a rebalance goes on, getmany waits for its end
            batch: Batch = await self._consumer.getmany(timeout_ms=int(seconds * 1000), max_records=most)
        return batch

    async def _ask(self) -> None:
        """Look at the topic's end from time to time: polling alone never says that Kafka is away."""
        if time.monotonic() < self._ask_at:
            return
        assigned = self._consumer.assignment()
        async with asyncio.timeout(PATIENCE):
            ends = await self._consumer.end_offsets(assigned) if assigned else {}
            with contextlib.suppress(IllegalStateError):  # revoked meanwhile: the next look counts
                taken = [await self._consumer.position(partition) for partition in ends]
                metrics.LAG.labels(self._sink).set(max(0, sum(ends.values()) - sum(taken)))
        self._kafka.works()
        self._ask_at = time.monotonic() + ASK_EVERY

    async def _leave(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._consumer.stop()
        except (KafkaError, OSError, TimeoutError) as error:
            log.info("%s: left without saying goodbye: %r", self._sink, error)
