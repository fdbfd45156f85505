"""Follows the compacted `latest` topic into the table: no group, no rebalance, any number of API replicas.

One session: from the beginning to the end offsets taken at its start, then on. Whatever goes wrong ends the session
and begins another: a lost broker, a lost tail and new partitions are one path. The table serves all the while.
"""

import asyncio
import logging
import re

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from api.metrics import Metrics
from api.table import LatestTable, States, fold
from schemas.codec import decode_latest

log = logging.getLogger(__name__)

Offsets = dict[TopicPartition, int]


class BeginAnew(Exception):
    """The topic is not, or no longer, what was read; the text says why."""


_UNDECODABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)


class LatestReader:
    """Keeps `table` equal to the topic. `problem` says why it may lag, None when it is live."""

    def __init__(
        self,
        broker: str,
        topic: str,
        table: LatestTable,
        metrics: Metrics,
        *,
        check_seconds: float = 2.0,
        backoff_seconds: tuple[float, float] = (0.2, 10.0),
    ) -> None:
        self.loaded = False  # has reached the topic's end once
        self.problem: str | None = f"{topic} has not been read yet"
        self._broker, self._topic, self._table, self._metrics = broker, topic, table, metrics
        self._check_seconds = check_seconds
        self._patience = max(check_seconds, 2.0)  # how long the broker may take to answer
        self._backoff = backoff_seconds

    async def run(self) -> None:
        """Read for ever; ends only by cancellation."""
        first, longest = self._backoff
        wait = first
        while True:
            try:
                await self._session()
            except BeginAnew as why:
                reason = str(why)
            except (KafkaError, OSError) as error:
                reason = f"broker {self._broker} does not answer: {error or type(error).__name__}"
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                reason = f"reading {self._topic} was cut short inside of aiokafka"
            except Exception as error:  # a bug must not leave a dead reader behind a page that looks alive
                log.exception("latest: reading failed")
                reason = f"reading {self._topic} failed: {error!r}"
            wait = first if self.problem is None else min(wait * 2, longest)
            if reason != self.problem:
                log.warning("latest: %s; serving what is held, reading again", reason)
            self._report(reason)
            await asyncio.sleep(wait)

    async def _session(self) -> None:
        """Load, then follow until that is no longer possible. Raises BeginAnew, KafkaError or OSError."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._broker,
            client_id="bluflow-api",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            metadata_max_age_ms=int(self._check_seconds * 1000),  # new partitions are noticed by then
        )
        try:
            await consumer.start()
            await self._subscribe(consumer)
            positions = await self._load(consumer)
            log.info("latest: %s read to its end, %d sensors", self._topic, len(self._table.all()))
            self.loaded = True
            self._report(None)
            await self._follow(consumer, positions)
        finally:
            await _stop(consumer)

    async def _subscribe(self, consumer: AIOKafkaConsumer) -> None:
        """All partitions. By pattern: a broker that is asked for a topic by name may create it, with one partition."""
        if self._topic not in await consumer.topics():
            raise BeginAnew(f"topic {self._topic} does not exist")
        consumer.subscribe(pattern=f"^{re.escape(self._topic)}$")
        async with asyncio.timeout(self._patience):
            while not consumer.assignment():  # noqa: ASYNC110 - aiokafka has no event for it
                await asyncio.sleep(0.01)

    async def _load(self, consumer: AIOKafkaConsumer) -> Offsets:
        """Read to the end as it is now, aside, and only then show it: the list never shrinks in between."""
        loop = asyncio.get_running_loop()
        positions: Offsets = await consumer.beginning_offsets(consumer.assignment())
        ends: Offsets = await consumer.end_offsets(consumer.assignment())
        fresh: States = {}
        heard = loop.time()
        while any(positions[partition] < end for partition, end in ends.items()):
            if await self._take(consumer, positions, fresh):
                heard = loop.time()
            elif loop.time() - heard > self._patience:
                # Compaction may have removed the last records below the end; but silence is also a lost broker.
                await self._check(consumer, positions)
                break
        self._table.adopt(fresh)
        return positions

    async def _follow(self, consumer: AIOKafkaConsumer, positions: Offsets) -> None:
        """Apply what comes, and look every now and then whether it is still the topic that was loaded."""
        loop = asyncio.get_running_loop()
        checked = loop.time()
        while True:
            await self._take(consumer, positions)
            if loop.time() - checked >= self._check_seconds:
                await self._check(consumer, positions)
                checked = loop.time()

    async def _take(self, consumer: AIOKafkaConsumer, positions: Offsets, fresh: States | None = None) -> bool:
        """One poll into `fresh`, or into the table; False if nothing came."""
        batches = await consumer.getmany(timeout_ms=int(min(self._check_seconds, 0.5) * 1000), max_records=1000)
        for partition, records in batches.items():
            if partition not in positions:  # its first record may come before the next check
                raise BeginAnew(f"the partitions of {self._topic} changed")
            if records[0].offset < positions[partition]:
                raise BeginAnew(f"the broker lost the end of {self._topic}")
            for record in records:
                self._apply(record, fresh)
            positions[partition] = records[-1].offset + 1
        return bool(batches)

    def _apply(self, record: ConsumerRecord, fresh: States | None) -> None:
        try:
            latest = None if record.value is None else decode_latest(record.value)
            sensor = latest.sensor if latest else (record.key or b"").decode()
        except _UNDECODABLE as error:
            self._metrics.undecodable.inc()
            log.warning("latest: skipping %s:%d:%d: %s", record.topic, record.partition, record.offset, error)
            return
        applied = self._table.apply(sensor, latest) if fresh is None else fold(fresh, sensor, latest)
        (self._metrics.applied if applied else self._metrics.ignored).inc()

    async def _check(self, consumer: AIOKafkaConsumer, positions: Offsets) -> None:
        """Raises if the broker is away, which polling never says, or no longer has what was read."""
        async with asyncio.timeout(self._patience):
            if self._topic not in await consumer.topics():
                raise BeginAnew(f"topic {self._topic} does not exist")
            if consumer.assignment() != positions.keys():
                raise BeginAnew(f"the partitions of {self._topic} changed")
            ends: Offsets = await consumer.end_offsets(positions)
        if any(end < positions[partition] for partition, end in ends.items()):
            raise BeginAnew(f"the broker lost the end of {self._topic}")

    def _report(self, problem: str | None) -> None:
        self.problem = problem
        self._metrics.connected.set(problem is None)


async def _stop(consumer: AIOKafkaConsumer) -> None:
    """Close it in whatever state it is.

    aiokafka's stop() may end with the CancelledError of a task of its own (its issue 647). That must not reach the
    task that calls it, and it leaves the connections to be closed here.
    """
    stopping = asyncio.create_task(consumer.stop())
    await asyncio.wait([stopping])
    await consumer._client.close()
    if not stopping.cancelled():
        stopping.result()
