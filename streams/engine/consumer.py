"""The consumer: hands a stage whole record batches without a gap, and commits only what the stage released.

Stock Faust pays 60 us for each event, acks an event when its agent raises, acks what it skips, and after a recovery
hands out records whose predecessors it dropped.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from faust.serializers.schemas import Schema
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from mode.utils.futures import notify

from streams.engine.alignment import Alignment
from streams.engine.fail_stop import fail_stop
from streams.engine.fetches import give_back
from streams.engine.lease import Lease
from streams.engine.tails import Mark, lost_tails

MAX_BATCH = 5_000
NOTHING_WANTED_SECONDS = 0.02


class BatchSchema(Schema):  # type: ignore[type-arg]  # not subscriptable at run time
    """Leaves key and value alone: a batch's value is its list of records."""

    def loads_key(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:
        return message.key

    def loads_value(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:
        return message.value


class RecordBatch(ConsumerMessage):
    """All records of one poll and partition. `follows` is the offset that must have been folded before it."""

    follows: int
    records: list[Any]


class BatchConsumer(driver.Consumer):
    """Faust's consumer for topics in `batch_topics` (sources and changelogs); other topics go their usual way."""

    batch_topics: ClassVar[set[str]] = set()
    aligned_topics: ClassVar[dict[str, Callable[[Any], int]]] = {}  # and the clock that a record carries
    app: Any  # an EngineApp

    def _reset_state(self) -> None:
        super()._reset_state()
        self._taken: defaultdict[TP, deque[int]] = defaultdict(deque)  # last offsets of batches, in folding order
        self._cursor: dict[TP, int] = {}  # next offset to be folded
        self._gap_seen: dict[TP, tuple[int | None, int]] = {}
        self.rewinds = self.held_back = self.records_gone = 0
        self._alignments = {topic: Alignment(clock, time.monotonic) for topic, clock in self.aligned_topics.items()}
        self._ends: dict[TP, int] = {}
        self.lease = Lease(float(self.app.conf.broker_session_timeout))

    # ---- what a stage calls ------------------------------------------------------------------------------------

    def take(self, batch: RecordBatch) -> bool:
        """Before the fold. False if records before this batch were dropped on the way: `rewind` then.

        Folding it would raise the fences past the hole, and the redelivered hole would be skipped.
        """
        cursor = self._cursor.get(batch.tp, 0)
        if batch.follows > cursor:
            return False
        self._cursor[batch.tp] = max(cursor, batch.offset + 1)
        self._taken[batch.tp].append(batch.offset)
        return True

    async def rewind(self, batch: RecordBatch) -> None:
        """Fetch again from where the fold stands."""
        self.rewinds += 1
        self.ack(batch)
        await self.seek(batch.tp, self._cursor.get(batch.tp, 0))

    def release(self, batch: RecordBatch) -> None:
        """After outputs and states were delivered: the only way to make a batch committable."""
        if batch.generation_id == self.app.consumer_generation_id:
            self._acked_index[batch.tp].add(batch.offset)
            _ = self._acked[batch.tp]  # the key must be there: Faust walks it to find what to commit
        self.ack(batch)

    async def standing(self) -> tuple[dict[TP, int], dict[TP, int], set[TP]]:
        """Of each source partition: the commit, records behind it by the broker's own ends; and which are in work.

        Raises KafkaError.
        """
        sources = [tp for tp in self.assignment() if tp.topic in self.batch_topics and self._is_source(tp)]
        if not sources:
            return {}, {}, set()
        # what retention took away is nobody's lag
        begins, ends = await self.earliest_offsets(*sources), await self.highwaters(*sources)
        committed = {tp: self._committed_offset[tp] or 0 for tp in sources}
        lag = {tp: max(0, (ends.get(tp) or 0) - max(committed[tp], begins.get(tp) or 0)) for tp in sources}
        return committed, lag, {tp for tp in sources if self._taken[tp]}

    # ---- what Faust calls --------------------------------------------------------------------------------------

    def ack(self, message: Any) -> bool:
        """An ack means nothing here: Faust also acks what it skips and what failed."""
        if message.topic not in self.batch_topics:
            return bool(super().ack(message))
        message.acked = True
        self._unacked_messages.discard(message)
        notify(self._waiting_for_ack)
        return True

    def _new_offset(self, tp: TP) -> int | None:
        """What may be committed: up to the first batch, in folding order, that was not released."""
        if tp.topic not in self.batch_topics:
            offset: int | None = super()._new_offset(tp)
            return offset
        released, taken, result = self._acked_index[tp], self._taken[tp], None
        while taken and taken[0] in released:
            offset = taken.popleft()
            released.discard(offset)
            result = offset + 1
        return result

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        await super().on_partitions_revoked(revoked)  # waits until every taken batch is released, and commits
        self._taken.clear()
        self._acked.clear()
        self._acked_index.clear()
        # a partition that went to another worker must not be waited for
        self._cursor.clear()
        self._ends.clear()
        self._gap_seen.clear()
        for alignment in self._alignments.values():
            alignment.restart()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        self.lease.renew()
        coordinator = self._thread._ensure_consumer()._coordinator
        if not getattr(coordinator, "watched", False):
            coordinator._do_heartbeat = self.lease.watch(coordinator._do_heartbeat)
            coordinator.watched = True
        await super().on_partitions_assigned(assigned, generation_id)

    async def perform_seek(self) -> None:
        """To what the states have read, else to the commits; a log that lost its tail goes on where it departs."""
        await super().perform_seek()
        sources = [tp for tp in self.assignment() if tp.topic in self.batch_topics and self._is_source(tp)]
        ends: Mapping[TP, int] = await self.highwaters(*sources) if sources else {}
        marks = {tp: self.app.mark(tp, self._read_offset[tp] or 0) for tp in sources}
        lost = await self._lost_tails(marks)
        for tp, mark in marks.items():
            offset, committed = lost.get(tp, mark.next_offset), self._read_offset[tp] or 0
            if tp in lost:
                self.app.on_tail_lost(tp, mark.next_offset, offset)
            if offset != committed:
                await self.seek(tp, offset)
            if offset < committed:
                self._committed_offset[tp] = offset  # Faust commits nothing that lies behind it
            self._cursor[tp], self._ends[tp] = offset, ends.get(tp) or 0
        for alignment in self._alignments.values():
            alignment.restart()

    async def _lost_tails(self, marks: Mapping[TP, Mark]) -> dict[TP, int]:
        transport: Any = self.transport
        return await lost_tails(driver.server_list(transport.url, transport.default_port), marks)

    async def _check_tail(self, tp: TP, expected: int) -> None:
        """The client began anew at the log's first record: that is what it does when our offset is not there."""
        if await self._lost_tails({tp: self.app.mark(tp, expected)}):
            fail_stop(f"{tp.topic} partition {tp.partition} lost its tail: the next assignment finds where to go on")

    def _is_source(self, tp: TP) -> bool:
        return bool(self.app.topics.acks_enabled_for(tp.topic))

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:  # noqa: ASYNC109  # as Faust has it
        wanted = set(active_partitions or ())
        for topic, alignment in self._alignments.items():
            wanted -= alignment.ahead(self._positions(topic), self._ends)
        if not self.app.tables.actives_ready:  # Faust resumes the sources before it has sought
            wanted -= {tp for tp in wanted if self._is_source(tp)}
        if not wanted:
            await asyncio.sleep(NOTHING_WANTED_SECONDS)
            return {}  # the client takes no partition to mean all
        return await super()._getmany(wanted, timeout)

    async def _seek(self, partition: TP, offset: int) -> None:
        """Within the client's thread. Faust does it from its own, and a fetch that is under way dies of it."""
        await self._thread.call_thread(self._thread._ensure_consumer().seek, partition, offset)

    def _positions(self, topic: str) -> dict[TP, int]:
        """Next offset to be read in each partition of a source."""
        return {tp: self._read_offset[tp] or 0 for tp in self._cursor if tp.topic == topic}

    async def _drain_messages(self, fetcher: Any) -> None:
        def stopping() -> bool:
            return bool(self._stopped.is_set() or fetcher._stopped.is_set())

        try:
            while not stopping():
                if not self.flow_active:
                    await self.wait(self.can_resume_flow.wait())  # a rebalance goes on, which makes a new generation
                generation = self.app.consumer_generation_id  # before the fetch: a stale fetch must not look fresh
                records, active = await self._wait_next_records(1.0)
                await asyncio.sleep(0)
                if self.flow_active and generation == self.app.consumer_generation_id:
                    await self._hand_out(records or {}, active, generation, stopping)
                elif records:
                    await self._give_back(records)
        except self.consumer_stopped_errors:
            if not self.transport.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.transport.app.should_stop:
                raise

    async def _give_back(self, records: Mapping[Any, Any]) -> None:
        async def give() -> None:
            give_back(self._thread._ensure_consumer(), records)

        await self._thread.call_thread(give)

    async def _hand_out(self, records: Any, active: Any, generation: int, stopping: Any) -> None:
        for raw_tp, found in records.items():
            tp = TP(raw_tp.topic, raw_tp.partition)
            if stopping():
                continue
            source = self._is_source(tp)
            paused = not (active is None or tp in active or tp in self._buffered_partitions)
            if paused or (source and not self.app.tables.actives_ready):
                self.held_back += len(found)
                await self._give_back({raw_tp: found})
                continue
            expected = self._read_offset[tp]
            if source and expected and found[0].offset < expected:
                await self._check_tail(tp, expected)
            fresh = [record for record in found if expected is None or record.offset >= expected]
            if not fresh:
                continue
            self._ends[tp] = self.highwater(tp) or 0
            self.app.monitor.track_tp_end_offset(tp, self._ends[tp])
            follows = fresh[0].offset
            if source and follows > (expected or 0):
                if self._gap_seen.get(tp) != (expected, follows):  # dropped on the way, or gone from the log?
                    self._gap_seen[tp] = expected, follows
                    self.rewinds += 1
                    await self.seek(tp, expected or 0)
                    continue
                self.records_gone += follows - (expected or 0)
                follows = expected or 0
            alignment = self._alignments.get(tp.topic)
            count = alignment.take(tp, fresh, self._positions(tp.topic), self._ends) if alignment else len(fresh)
            for message in self._messages(tp, fresh[:count], follows, generation):
                await self.wait_first(self.callback(message), self.suspend_flow.wait())
                if not self.flow_active or generation != self.app.consumer_generation_id:
                    return  # a rebalance began: all positions are sought anew
            if count < len(fresh):
                await self.seek(tp, fresh[count].offset)  # the rest when the other partitions have come so far
            else:
                self._read_offset[tp] = fresh[-1].offset + 1

    def _messages(self, tp: TP, records: list[Any], follows: int, generation: int) -> Iterable[ConsumerMessage]:
        if tp.topic not in self.batch_topics:
            yield from (self._to_message(tp, record) for record in records)
            return
        for start in range(0, len(records), MAX_BATCH):
            part = records[start : start + MAX_BATCH]
            last = part[-1]
            batch = RecordBatch(
                tp.topic,
                tp.partition,
                last.offset,
                (last.timestamp or 0) / 1000.0,
                last.timestamp_type,
                last.headers,
                b"",
                b"",  # not None, which Faust takes for a deletion; the records stand beside it
                None,
                0,
                0,
                tp,
                generation_id=generation,
            )
            batch.follows, batch.records = follows, part
            follows = last.offset + 1
            yield batch
