"""A sink's membership in its consumer group: takes batches, commits them, and lives on while the store is away."""

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Iterable
from types import TracebackType
from typing import Any, Self, TypeVar

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from runtime.kafka_login import kafka_login
from schemas.topics import Topic, sink_group
from streams.sinks import metrics
from streams.sinks.condition import Condition, log
from streams.sinks.settings import SinkSettings

T = TypeVar("T")
Batch = dict[TopicPartition, list[ConsumerRecord]]

POLL = 0.5  # seconds that a poll waits for the first record
ENOUGH = 512 * 1024  # bytes; a broker that has so much waits for no more: half of what it gives of one partition
ASK_EVERY = 3.0  # seconds between two looks at the topic's end: the lag, and whether Kafka is there at all
PATIENCE = 5.0  # seconds for an answer of Kafka
JOIN = 60.0  # seconds for partitions to be assigned
POLL_LIMIT = 300.0  # seconds without a poll until a member leaves its group; a write takes far less


class NoPlace(Exception):
    """Nobody has said where the sinks of this generation begin: from its beginning they would write all again."""


class Member(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """One life of the consumer. A method that finds Kafka away raises KafkaError, OSError or TimeoutError."""

    def __init__(self, sink: str, topic: Topic, settings: SinkSettings, kafka: Condition) -> None:
        self._sink = sink
        self._topic = settings.topic(topic)
        self._settings = settings
        # the first generation is what there was before any other: it begins at its beginning
        self._wants_place = bool(topic.derived and settings.generation)
        self._has_place = True
        self._kafka = kafka
        self._ask_at = 0.0
        self._late: set[asyncio.Task[Any]] = set()
        session = int(settings.session_seconds * 1000)
        self._consumer: Any = AIOKafkaConsumer(
            bootstrap_servers=settings.broker,
            **kafka_login(),
            client_id=f"bluflow-sink-{sink}",
            group_id=sink_group(settings.topic_prefix, sink, topic, settings.generation, settings.group),
            group_instance_id=f"{settings.member_id}-{sink}" if settings.member_id else None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=session,
            heartbeat_interval_ms=session // 4,
            max_poll_interval_ms=int(POLL_LIMIT * 1000),
            # the broker gathers the batch: we wake once for all of it, not for each record
            fetch_min_bytes=ENOUGH,
            fetch_max_wait_ms=int(settings.batch_seconds * 1000),
            request_timeout_ms=session + 5000,
        )

    async def __aenter__(self) -> Self:
        self._consumer.subscribe([self._topic], listener=self)
        try:
            await self._answer(self._consumer.start(), JOIN)
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._leave()

    async def gather(self) -> Batch:
        """What a broker gathered in at most `batch_seconds`, of at most a batch's size; empty after half a second."""
        return await self._poll(POLL, self._settings.batch_records)

    async def commit(self, batch: Batch) -> None:
        """Commit what of the batch is still ours. The new owner of the rest writes it again, to the same rows."""
        mine = self._consumer.assignment()
        offsets = {partition: records[-1].offset + 1 for partition, records in batch.items() if partition in mine}
        if not offsets:
            return
        try:
            await self._answer(self._consumer.commit(offsets), PATIENCE)
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
        self._has_place = not self._wants_place
        try:
            if self._wants_place:
                self._has_place = None not in [await self._consumer.committed(partition) for partition in assigned]
            if not self._settings.overlap_records or not assigned:
                return
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
        # While a rebalance goes on, getmany waits for its end.
        polling = self._consumer.getmany(timeout_ms=int(seconds * 1000), max_records=most)
        found: Batch = await self._answer(polling, JOIN)
        if not self._has_place:
            generation = self._settings.generation
            raise NoPlace(f"it was not switched to: stop all sinks, bluflow generation switch {generation}")
        return found

    async def _ask(self) -> None:
        """Look at the topic's end from time to time: polling alone never says that Kafka is away."""
        if time.monotonic() < self._ask_at:
            return
        assigned = self._consumer.assignment()
        if assigned:
            # behind a fetch for which the broker gathers
            patience = PATIENCE + self._settings.batch_seconds
            ends = await self._answer(self._consumer.end_offsets(assigned), patience)
            with contextlib.suppress(IllegalStateError):  # revoked meanwhile: the next look counts
                taken = [await self._answer(self._consumer.position(partition), PATIENCE) for partition in assigned]
                metrics.LAG.labels(self._sink).set(max(0, sum(ends.values()) - sum(taken)))
        self._kafka.works()
        self._ask_at = time.monotonic() + ASK_EVERY

    async def _leave(self) -> None:
        """Close everything. aiokafka's stop() breaks off at a fetch that it has cancelled itself, and leaves the rest
        open; and a call that was given up would connect anew. There is no public way; its version is pinned.
        """
        with contextlib.suppress(KafkaError, OSError, TimeoutError):  # without a goodbye, the session runs out
            await self._answer(self._consumer.stop(), PATIENCE)
        rest = self._late | (self._consumer._fetcher._pending_tasks if self._consumer._fetcher else set())
        for task in rest:
            task.cancel()
        if rest:
            await asyncio.wait(rest, timeout=PATIENCE)
        await self._consumer._client.close()

    async def _answer(self, call: Coroutine[Any, Any, T], seconds: float) -> T:
        """What the call gives. Raises TimeoutError, and then leaves the call alone rather than cancel it.

        Calls of one aiokafka client wait for the same futures: cancelling one cancels its coordinator and its stop().
        """
        task = asyncio.create_task(call)
        self._late.add(task)
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise TimeoutError(f"no answer within {seconds:.0f} s")
        self._late.discard(task)
        if task.cancelled():
            raise KafkaError("the client gave up")
        return task.result()
