"""The raw-frames topic as a source: read by nobody's group, up to where it ended when reading began."""

import heapq
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable, Sequence, Set
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from history.archive import Placed, RawRecord
from history.spans import Span
from runtime.kafka import partitions_for
from runtime.kafka_login import kafka_login
from streams.replay.source import LogForgot

# A record's Kafka time is when it was written, never before its arrival; the margin is for a clock that was set back.
MARGIN_MS = 10 * 60_000
_POLL_MS = 1000
_PATIENCE = 60  # polls without a record that is known to be there
_LONGEST_TIME = 15  # digits


class KafkaSource:
    """A part of the topic: `begins` and `ends` are each partition's first offset to read, and the snapshot's end.

    `total`: about how many records are read. A partition is at its end where its records have arrived `MARGIN_MS`
    after the span, unless they are from the future: a bridge's clock was ahead then, and was set right later.
    """

    by_offset = True
    missing: Sequence[Span] = ()

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        begins: dict[TopicPartition, int],
        ends: dict[TopicPartition, int],
        *,
        span: Span,
        cut: Set[int],
        older: bool,
        total: int,
    ) -> None:
        self._consumer, self._ends, self._span = consumer, ends, span
        self.cut, self.older, self.total = cut, older, total
        self.partitions = len(ends)
        self._open = {tp for tp in ends if begins[tp] < ends[tp]}
        self._waiting: defaultdict[TopicPartition, deque[Placed]] = defaultdict(deque)
        self._clock: dict[TopicPartition, int] = {}
        self._now = time.time_ns() // 1_000_000
        # how far each partition was read, of those that ever had a record
        self._through = {tp: span[0] for tp in ends if ends[tp]}
        for tp, begin in begins.items():
            consumer.seek(tp, begin)

    @property
    def through(self) -> int:
        """As `Source`; never ahead of the clock."""
        return min(self._now, self._span[1], *self._through.values())

    def away(self, time: int) -> tuple[int, ...]:
        """As `Source`: a topic's partitions are there from its beginning on."""
        return ()

    async def records(self) -> AsyncIterator[Placed]:
        """As `Source`. Raises LogForgot, KafkaError."""
        heap: list[tuple[int, int, int, TopicPartition, Placed]] = []
        empty = set(self._open)
        while empty or heap:
            await self._fill(empty)
            for tp in empty:
                self._push(heap, tp)
            empty.clear()
            while heap and not empty:
                _, _, _, tp, placed = heapq.heappop(heap)
                if not self._push(heap, tp) and tp in self._open:
                    empty.add(tp)
                if placed.received_at >= self._span[0]:
                    yield placed

    def _push(self, heap: list[tuple[int, int, int, TopicPartition, Placed]], tp: TopicPartition) -> bool:
        if not self._waiting[tp]:
            return False
        placed = self._waiting[tp].popleft()
        # a partition keeps its order, also where the bridge's clock was set back
        clock = self._clock[tp] = max(self._clock.get(tp, 0), placed.received_at)
        heapq.heappush(heap, (clock, tp.partition, placed.offset, tp, placed))
        return True

    async def _fill(self, empty: Iterable[TopicPartition]) -> None:
        """Wait until each of them has a record or has come to its end."""
        vain = 0
        while lacking := [tp for tp in empty if tp in self._open and not self._waiting[tp]]:
            try:
                found = await self._consumer.getmany(*lacking, timeout_ms=_POLL_MS)
                positions = {tp: await self._consumer.position(tp) for tp in lacking}
            except OffsetOutOfRangeError as error:
                raise LogForgot("the log deleted records while they were read: begin later, or read an archive") from (
                    error
                )
            for tp, records in found.items():
                self._take(tp, records)
            for tp, position in positions.items():
                if position >= self._ends[tp]:
                    self._open.discard(tp)
            vain = 0 if found else vain + 1
            if vain > _PATIENCE:
                raise LogForgot(f"no records of {lacking[0].topic} partition {lacking[0].partition} come any more")

    def _take(self, tp: TopicPartition, records: Iterable[ConsumerRecord]) -> None:
        for record in records:
            placed = _placed(record)
            at = placed.received_at
            if record.offset >= self._ends[tp] or self._span[1] + MARGIN_MS <= at <= self._now + MARGIN_MS:
                self._open.discard(tp)
            if record.offset < self._ends[tp]:
                self._through[tp] = max(self._through[tp], at)
            if tp not in self._open:
                return
            if at < self._span[1]:
                self._waiting[tp].append(placed)


@asynccontextmanager
async def kafka_source(broker: str, topic: str, start: int, end: int) -> AsyncIterator[KafkaSource]:
    """The records that arrived in [start, end) (unix milliseconds), of those that the log holds now.

    Raises LogForgot, KafkaError.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker, auto_offset_reset="none", enable_auto_commit=False, **kafka_login()
    )
    await consumer.start()
    try:
        tps = [TopicPartition(topic, number) for number in await partitions_for(consumer, topic)]
        if not tps:
            raise LogForgot(f"topic {topic} is not on {broker}")
        consumer.assign(tps)
        ends, first = await consumer.end_offsets(tps), await consumer.beginning_offsets(tps)

        async def offsets(time: int) -> dict[TopicPartition, int]:
            """Each partition's first record that was written then or later."""
            found = await consumer.offsets_for_times(dict.fromkeys(tps, max(0, time)))
            return {tp: at.offset if (at := found.get(tp)) else ends[tp] for tp in tps}

        begins, behind, inside = await offsets(start - MARGIN_MS), await offsets(end), await offsets(start)
        cut = {tp.partition for tp in tps if 0 < first[tp] >= inside[tp]}
        older = any(inside[tp] > 0 for tp in tps)
        total = sum(behind[tp] - begins[tp] for tp in tps)
        yield KafkaSource(consumer, begins, ends, span=(start, end), cut=cut, older=older, total=total)
    finally:
        await consumer.stop()


def _placed(record: ConsumerRecord) -> Placed:
    text = dict(record.headers).get("received-at") or b""
    told = int(text) if text.isdigit() and len(text) <= _LONGEST_TIME else 0
    raw = RawRecord(record.partition, record.key, record.value, list(record.headers))
    return Placed(record.offset, told or record.timestamp, raw)
