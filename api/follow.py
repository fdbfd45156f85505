"""Follows compacted topics into tables: no group, no rebalance, any number of API processes.

One session: from the beginning to the end offsets taken at its start, then on. The tables serve all the while.
"""

import asyncio
import logging
import re
from collections import Counter as Outcomes
from collections.abc import Mapping
from typing import Any, NoReturn, Protocol

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from prometheus_client import Counter, Gauge

from api.table import Place, Rows, Table
from runtime.kafka import stop_consumer
from runtime.kafka_login import kafka_login
from runtime.sessions import BeginAnew, Sessions

log = logging.getLogger(__name__)

Offsets = dict[TopicPartition, int]
Fresh = dict[str, Rows[Any]]  # by topic


class Counted(Protocol):
    """What a follower counts: records by topic and outcome, and whether it follows live."""

    records: Counter
    connected: Gauge


_UNDECODABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)


class Follower(Sessions):
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
        super().__init__(log, ", ".join(tables), broker, backoff_seconds)
        self.loaded = False  # has reached the topics' ends once
        self.positions: Offsets = {}
        self._tables, self._metrics = tables, metrics
        self._check_seconds = check_seconds
        self._patience = max(check_seconds, 2.0)  # how long the broker may take to answer

    async def _session(self) -> NoReturn:
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

    async def _follow(self, consumer: AIOKafkaConsumer, positions: Offsets) -> NoReturn:
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
            table = self._tables[partition.topic]
            outcomes = Outcomes(self._apply(record, table, fresh) for record in records)
            for outcome, count in outcomes.items():
                self._metrics.records.labels(partition.topic, outcome).inc(count)
        return bool(batches)

    def _apply(self, record: ConsumerRecord, table: Table[Any], fresh: Fresh | None) -> str:
        """What became of it: applied, ignored (no newer than what is there) or undecodable."""
        try:
            state = None if record.value is None else table.decode(record.value)
            key = (record.key or b"").decode() if state is None else table.key_of(state)
        except _UNDECODABLE as error:
            origin = f"{record.topic}:{record.partition}:{record.offset}"
            log.warning("following: skipping %s: %s", origin, error, extra={"origin": origin})
            return "undecodable"
        place = Place(record.partition, record.offset + 1)
        if fresh is None:
            applied = table.apply(key, state, place)
        else:
            applied = table.fold(fresh[record.topic], key, state, place)
        return "applied" if applied else "ignored"

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
        super()._report(problem)
        self._metrics.connected.set(problem is None)
