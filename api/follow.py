"""Follows compacted topics into tables: no group, no rebalance, any number of API processes.

One session: from the beginning to the end offsets taken at its start, then on. Whatever goes wrong ends the session
and begins another: a lost broker, a lost tail and new partitions are one path. The tables serve all the while.
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import Counter, Gauge

from api.table import Place, Rows, Table
from runtime.kafka import stop_consumer
from runtime.kafka_login import kafka_login

log = logging.getLogger(__name__)

Offsets = dict[TopicPartition, int]
Fresh = dict[str, Rows[Any]]  # by topic


class BeginAnew(Exception):
    """The topics are not, or no longer, what was read; the text says why."""


class Counted(Protocol):
    """What a follower counts: records by topic and outcome, and whether it follows live."""

    records: Counter
    connected: Gauge


_UNDECODABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)


class Follower:
    """Keeps every table equal to its topic. `problem` says why they may lag, None when they are live.

    `positions`: how far the tables have come, the next offset of every partition; empty before the first load.
    """

    def __init__(
        self,
        broker: str,
        tables: Mapping[str, Table[Any]],
        metrics: Counted,
        *,
        check_seconds: float = 2.0,
        backoff_seconds: tuple[float, float] = (0.2, 10.0),
    ) -> None:
        self.loaded = False  # has reached the topics' ends once
        self.problem: str | None = f"{', '.join(tables)} not read yet"
        self.positions: Offsets = {}
        self._broker, self._tables, self._metrics = broker, tables, metrics
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
                reason = f"broker {self._broker} does not answer: {str(error) or type(error).__name__}"
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                reason = "reading was cut short inside of aiokafka"
            except Exception as error:  # a bug must not leave a dead reader behind a page that looks alive
                log.exception("following: reading failed")
                reason = f"reading failed: {error!r}"
            wait = first if self.problem is None else min(wait * 2, longest)
            if reason != self.problem:
                log.warning("following: %s; serving what is held, reading again", reason)
            self._report(reason)
            await asyncio.sleep(wait)

    async def _session(self) -> None:
        """Load, then follow until that is no longer possible. Raises BeginAnew, KafkaError or OSError."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._broker,
            **kafka_login(),
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
            held = ", ".join(f"{len(table.all())} of {topic}" for topic, table in self._tables.items())
            log.info("following: read to the end: %s", held)
            self.loaded = True
            self._report(None)
            await self._follow(consumer, positions)
        finally:
            await stop_consumer(consumer)

    async def _subscribe(self, consumer: AIOKafkaConsumer) -> None:
        """All partitions. By pattern: a broker that is asked for a topic by name may create it, with one partition."""
        self._all_there(await consumer.topics())
        consumer.subscribe(pattern=f"^({'|'.join(map(re.escape, self._tables))})$")
        async with asyncio.timeout(self._patience):
            while {one.topic for one in consumer.assignment()} != self._tables.keys():  # noqa: ASYNC110 - no event for it
                await asyncio.sleep(0.01)

    async def _load(self, consumer: AIOKafkaConsumer) -> Offsets:
        """Read to the end as it is now, aside, and only then show it: the list never shrinks in between."""
        loop = asyncio.get_running_loop()
        positions: Offsets = await consumer.beginning_offsets(consumer.assignment())
        ends: Offsets = await consumer.end_offsets(consumer.assignment())
        fresh: Fresh = {topic: {} for topic in self._tables}
        heard = loop.time()
        while any(positions[partition] < end for partition, end in ends.items()):
            if await self._take(consumer, positions, fresh):
                heard = loop.time()
            elif loop.time() - heard > self._patience:
                # Compaction may have removed the last records below the end; but silence is also a lost broker.
                await self._check(consumer, positions)
                break
        self.positions = positions
        for topic, table in self._tables.items():
            table.adopt(fresh[topic])
        return positions

    async def _follow(self, consumer: AIOKafkaConsumer, positions: Offsets) -> None:
        """Apply what comes, and look every now and then whether they are still the topics that were loaded."""
        loop = asyncio.get_running_loop()
        checked = loop.time()
        while True:
            await self._take(consumer, positions)
            if loop.time() - checked >= self._check_seconds:
                await self._check(consumer, positions)
                checked = loop.time()

    async def _take(self, consumer: AIOKafkaConsumer, positions: Offsets, fresh: Fresh | None = None) -> bool:
        """One poll into `fresh`, or into the tables; False if nothing came."""
        batches = await consumer.getmany(timeout_ms=int(min(self._check_seconds, 0.5) * 1000), max_records=1000)
        for partition, records in batches.items():
            if partition not in positions:  # its first record may come before the next check
                raise BeginAnew(f"the partitions of {partition.topic} changed")
            if records[0].offset < positions[partition]:
                raise BeginAnew(f"the broker lost the end of {partition.topic}")
            positions[partition] = records[-1].offset + 1
            for record in records:
                self._apply(record, self._tables[partition.topic], fresh)
        return bool(batches)

    def _apply(self, record: ConsumerRecord, table: Table[Any], fresh: Fresh | None) -> None:
        try:
            state = None if record.value is None else table.decode(record.value)
            key = (record.key or b"").decode() if state is None else table.key_of(state)
        except _UNDECODABLE as error:
            self._metrics.records.labels(record.topic, "undecodable").inc()
            origin = f"{record.topic}:{record.partition}:{record.offset}"
            log.warning("following: skipping %s: %s", origin, error, extra={"origin": origin})
            return
        place = Place(record.partition, record.offset + 1)
        if fresh is None:
            applied = table.apply(key, state, place)
        else:
            applied = table.fold(fresh[record.topic], key, state, place)
        self._metrics.records.labels(record.topic, "applied" if applied else "ignored").inc()

    async def _check(self, consumer: AIOKafkaConsumer, positions: Offsets) -> None:
        """Raises if the broker is away, which polling never says, or no longer has what was read."""
        async with asyncio.timeout(self._patience):
            self._all_there(await consumer.topics())
            if consumer.assignment() != positions.keys():
                changed = sorted({one.topic for one in consumer.assignment() ^ positions.keys()})
                raise BeginAnew(f"the partitions of {', '.join(changed)} changed")
            ends: Offsets = await consumer.end_offsets(positions)
        for partition, end in ends.items():
            if end < positions[partition]:
                raise BeginAnew(f"the broker lost the end of {partition.topic}")

    def _all_there(self, topics: set[str]) -> None:
        for topic in self._tables:
            if topic not in topics:
                raise BeginAnew(f"topic {topic} does not exist")

    def _report(self, problem: str | None) -> None:
        self.problem = problem
        self._metrics.connected.set(problem is None)
