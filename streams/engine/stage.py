"""A stage: folds each batch, then outputs delivered, then states delivered, then release; batches of a partition
finish in the order in which they were folded, several are in flight.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from streams.engine.consumer import RecordBatch
from streams.engine.fail_stop import fail_stop
from streams.engine.producer import IdempotentProducer, Output
from streams.engine.store import FencedTable, States

IN_FLIGHT = 4  # batches of one partition between fold and release


Changed = dict[bytes, bytes | None]


@dataclass(slots=True)
class Work:
    """What a fold of one batch gave: records to write, and the bytes of every state that changed (None: it is gone)."""

    outputs: list[Output] = field(default_factory=list)
    changed: Changed = field(default_factory=dict)


# fold(records, states of the partition, partition): pure but for the states, which it changes in place.
Fold = Callable[[list[Any], States, int], Work]


class Lane:
    """One partition's batches on their way from fold to release."""

    def __init__(self, stage: "Stage", partition: int) -> None:
        self.stage, self.partition = stage, partition
        self.room = asyncio.Semaphore(IN_FLIGHT)
        self._queue: asyncio.Queue[tuple[RecordBatch, list[asyncio.Future[Any]], Changed]] = asyncio.Queue()
        self._task = asyncio.create_task(self._run())

    def put(self, batch: RecordBatch, futures: "list[asyncio.Future[Any]]", changed: Changed) -> None:
        """Take over a folded batch. The states' bytes were taken at the fold: later batches change the states."""
        self._queue.put_nowait((batch, futures, changed))

    async def _run(self) -> None:
        try:
            while True:
                batch, futures, changed = await self._queue.get()
                await asyncio.gather(*futures)
                await self._write_states(changed)
                self.stage.consumer.release(batch)
                self.room.release()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            fail_stop(error)

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
        self._lanes: dict[int, Lane] = {}

    @property
    def consumer(self) -> Any:
        """The app's BatchConsumer."""
        return self.app.consumer

    @property
    def producer(self) -> IdempotentProducer:
        """The app's producer."""
        producer: IdempotentProducer = self.app.producer
        return producer

    def check_lease(self) -> None:
        """Before each write: ends the process if the partitions may be another worker's by now."""
        if self.consumer.lease.has_run_out():
            fail_stop("the lease ran out: another worker may own these partitions")

    async def run(self, stream: Any) -> None:
        """Work off the stream until it ends."""
        async for event in stream.noack().events():
            await self._work_off(event.message)

    async def _work_off(self, batch: RecordBatch) -> None:
        lane = self._lanes.get(batch.partition) or self._lanes.setdefault(batch.partition, Lane(self, batch.partition))
        await lane.room.acquire()
        if batch.generation_id != self.app.consumer_generation_id or not self.app.flow_control.is_active():
            lane.room.release()
            self.consumer.ack(batch)  # moved while we waited: it will be delivered again
        elif not self.consumer.take(batch):
            lane.room.release()
            await self.consumer.rewind(batch)
        else:
            await self._fold(batch, lane)

    async def _fold(self, batch: RecordBatch, lane: Lane) -> None:
        try:
            work = self.fold(batch.records, self.table.data.states(batch.partition), batch.partition)
            held = self.table.data.rewrites.pop(batch.partition, {})
            # what the fold changed keeps its order: it puts last how far it came
            changed = {key: value for key, value in held.items() if key not in work.changed} | work.changed
            self.check_lease()
            futures = self.producer.send_outputs(work.outputs)
        except BaseException as error:
            fail_stop(error)  # memory is ahead of the log: never go on, whatever it was
        self.batches += 1
        self.records += len(batch.records)
        lane.put(batch, futures, changed)
