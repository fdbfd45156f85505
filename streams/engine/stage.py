"""A stage: folds what has come, then outputs delivered, then states delivered, then release; a partition's records go
this way in the order of their log, several folds are in flight.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from streams.engine.consumer import MAX_BATCH, RecordBatch
from streams.engine.fail_stop import fail_stop
from streams.engine.producer import IdempotentProducer, Output
from streams.engine.store import FencedTable, States

IN_FLIGHT = 4  # folds of one partition between fold and release
WAITING = 64  # batches of one partition before their fold


Changed = dict[bytes, bytes | None]


@dataclass(slots=True)
class Work:
    """What a fold of one batch gave: records to write, and the bytes of every state that changed (None: it is gone)."""

    outputs: list[Output] = field(default_factory=list)
    changed: Changed = field(default_factory=dict)


# fold(records, states of the partition, partition): pure but for the states, which it changes in place.
Fold = Callable[[list[Any], States, int], Work]


class Folded(NamedTuple):
    """What waits for its deliveries: batches that were folded as one. The states' bytes were taken at the fold, since
    later ones change the states."""

    batches: list[RecordBatch]
    futures: "list[asyncio.Future[Any]]"
    changed: Changed


def latest(changes: Iterable[Mapping[bytes, bytes | None]]) -> Changed:
    """The last word of each key, where it stood: what a fold puts last, such as how far it came, stays behind all that
    it vouches for."""
    merged: Changed = {}
    for changed in changes:
        for key in changed:
            merged.pop(key, None)
        merged.update(changed)
    return merged


class Lane:
    """One partition's batches from the stream to the release.

    What came while others were in flight goes on as one. A fold costs two deliveries however small it is: one for each
    handful of records that a poll brought, and a worker whose brokers answer slowly falls behind for good.
    """

    def __init__(self, stage: "Stage", partition: int) -> None:
        self.stage, self.partition = stage, partition
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self._come: asyncio.Queue[RecordBatch] = asyncio.Queue(WAITING)
        self._folded: asyncio.Queue[Folded] = asyncio.Queue()
        self.tasks = [asyncio.create_task(self._run(step)) for step in (self._fold_next, self._finish_next)]

    async def put(self, batch: RecordBatch) -> None:
        """Take a batch over; waits while too many wait already."""
        await self._come.put(batch)

    async def _run(self, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            while True:
                await step()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            fail_stop(error)  # memory is ahead of the log: never go on, whatever it was

    async def _fold_next(self) -> None:
        batches = [await self._come.get()]
        await self._room.acquire()
        while not self._come.empty() and sum(len(batch.records) for batch in batches) < MAX_BATCH:
            batches.append(self._come.get_nowait())
        # no await between here and the fold: a rebalance may begin in each
        taken, astray = list[RecordBatch](), list[RecordBatch]()
        for batch in batches:
            if self.stage.moved(batch):
                self.stage.consumer.ack(batch)  # it will be delivered again
            else:
                (taken if self.stage.consumer.take(batch) else astray).append(batch)
        if taken:
            futures, changed = self.stage.fold_records(
                [record for batch in taken for record in batch.records], self.partition
            )
            self._folded.put_nowait(Folded(taken, futures, changed))
        else:
            self._room.release()
        for batch in astray:
            await self.stage.consumer.rewind(batch)

    async def _finish_next(self) -> None:
        folded = [await self._folded.get()]
        while not self._folded.empty():
            folded.append(self._folded.get_nowait())
        await asyncio.gather(*(future for each in folded for future in each.futures))
        await self._write_states(latest(each.changed for each in folded))
        for each in folded:
            for batch in each.batches:
                self.stage.consumer.release(batch)
            self._room.release()

    async def _write_states(self, changed: Changed) -> None:
        if not changed:
            return
        self.stage.check_lease()
        topic = self.stage.table.changelog_topic_name
        outputs = [Output(topic, self.partition, key, value) for key, value in changed.items()]
        await asyncio.gather(*self.stage.producer.send_outputs(outputs))


class Stage:
    """The body of an agent. `fold` is called with records in log order, each exactly once a lifetime of the table."""

    def __init__(self, app: Any, table: FencedTable, fold: Fold) -> None:
        self.app, self.table, self.fold = app, table, fold
        self.batches = self.records = 0
        self.lanes: dict[int, Lane] = {}

    @property
    def consumer(self) -> Any:
        """The app's BatchConsumer."""
        return self.app.consumer

    @property
    def producer(self) -> IdempotentProducer:
        """The app's producer."""
        producer: IdempotentProducer = self.app.producer
        return producer

    def moved(self, batch: RecordBatch) -> bool:
        """Whether a rebalance began since it was fetched."""
        return batch.generation_id != self.app.consumer_generation_id or not self.app.flow_control.is_active()

    def check_lease(self) -> None:
        """Before each write: ends the process if the partitions may be another worker's by now."""
        if self.consumer.lease.has_run_out():
            fail_stop("the lease ran out: another worker may own these partitions")

    async def run(self, stream: Any) -> None:
        """Work off the stream until it ends."""
        async for event in stream.noack().events():
            await self.put(event.message)

    async def put(self, batch: RecordBatch) -> None:
        """Take a batch over, in the order of its partition."""
        lane = self.lanes.get(batch.partition) or self.lanes.setdefault(batch.partition, Lane(self, batch.partition))
        await lane.put(batch)

    def fold_records(self, records: list[Any], partition: int) -> "tuple[list[asyncio.Future[Any]], Changed]":
        """Fold and hand the outputs over: the futures of their deliveries, and the states to be written after them."""
        work = self.fold(records, self.table.data.states(partition), partition)
        held = self.table.data.rewrites.pop(partition, {})
        self.check_lease()
        futures = self.producer.send_outputs(work.outputs)
        self.batches += 1
        self.records += len(records)
        return futures, latest([held, work.changed])
