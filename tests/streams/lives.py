"""Workers' lives in memory: the real stages around their folds, batches in flight, deliveries in part, kills, zombies.

Only Kafka is a model: logs in memory, and a producer that delivers when it is told to, in order within a partition.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from streams.engine import Output, Stage
from streams.engine.consumer import RecordBatch
from streams.engine.stage import IN_FLIGHT, Fold
from streams.engine.store import FenceStore

CHANGELOG = "-changelog"


class Broker:
    """Topics in memory. `now` (unix milliseconds) stamps what is written."""

    def __init__(self, now: int) -> None:
        self.logs: defaultdict[TP, list[Any]] = defaultdict(list)
        self.now = now

    def write(self, output: Output) -> None:
        place = TP(output.topic, output.partition)
        log = self.logs[place]
        log.append(
            SimpleNamespace(
                topic=place.topic,
                partition=place.partition,
                offset=len(log),
                key=output.key,
                value=output.value,
                headers=list(output.headers),
                timestamp=self.now,
            )
        )

    def read(self, topic: str) -> list[Any]:
        """All records of a topic, partition by partition."""
        return [record for place in sorted(self.logs) if place.topic == topic for record in self.logs[place]]

    def recover(self, topic: str, partition: int) -> FenceStore:
        """What a worker reads back of a stage's changelog."""
        store = FenceStore.__new__(FenceStore)  # its own constructor wants a Faust app
        store.table = SimpleNamespace(changelog_topic_name=topic)
        store.partitions, store.rewrites, store.recovered, store.refused = {}, {}, 0, 0
        message = SimpleNamespace(topic=topic, partition=partition, records=self.logs[TP(topic, partition)])
        store.apply_changelog_batch([SimpleNamespace(message=message)], bytes, bytes)
        return store

    def compact(self, topic: str, partition: int) -> None:
        """Keep the last record of each key."""
        log = self.logs[TP(topic, partition)]
        log[:] = {record.key: record for record in log}.values()


class Producer:
    """What a stage has handed over and Kafka has not yet; a future tells of all records of a call in one place."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.waiting: dict[TP, deque[tuple[Output, asyncio.Future[None] | None]]] = {}

    def send_outputs(self, outputs: Iterable[Output]) -> "list[asyncio.Future[None]]":
        calls: defaultdict[TP, list[Output]] = defaultdict(list)
        for output in outputs:
            calls[TP(output.topic, output.partition)].append(output)
        futures = []
        for place, each in calls.items():
            futures.append(asyncio.get_running_loop().create_future())
            queue = self.waiting.setdefault(place, deque())
            queue += [*((output, None) for output in each[:-1]), (each[-1], futures[-1])]
        return futures

    def deliver(self, place: TP, most: int) -> None:
        queue = self.waiting[place]
        for _ in range(min(most, len(queue))):
            output, future = queue.popleft()
            self._broker.write(output)
            if future is not None:
                future.set_result(None)
        if not queue:
            del self.waiting[place]

    def refuse(self, place: TP, error: Exception) -> None:
        for _, future in self.waiting.pop(place):
            if future is not None:
                future.set_exception(error)


class Life:
    """One worker's life with one partition of a stage: recovered at its start, in memory ahead of the log later on.

    It stands in for the app and the consumer that a stage asks. `position`: next offset to read; `expected`: the one
    to be folded next; `released`: what it may commit.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, broker: Broker, name: str, source: TP, fold: Fold, position: int = 0
    ) -> None:
        self._loop, self._broker, self.name, self.source = loop, broker, name, source
        self.store = broker.recover(name + CHANGELOG, source.partition)
        self.producer = Producer(broker)
        self.consumer = self
        self.flow_control = SimpleNamespace(is_active=lambda: True)
        self.lease = SimpleNamespace(has_run_out=lambda: False)
        self.consumer_generation_id = 1
        self.in_flight = 0
        self.begin_at(position)
        table: Any = SimpleNamespace(data=self.store, changelog_topic_name=name + CHANGELOG)
        self._stage = Stage(self, table, fold)

    @property
    def states(self) -> dict[bytes, Any]:
        """In memory."""
        return self.store.states(self.source.partition)

    @property
    def to_write_back(self) -> bool:
        """Whether a state that its recovery held against an older one waits for the next batch."""
        return bool(self.store.rewrites.get(self.source.partition))

    @property
    def lag(self) -> int:
        return len(self._broker.logs[self.source]) - self.position

    def begin_at(self, position: int) -> None:
        self.position = self.expected = self.released = position

    def take(self, batch: RecordBatch) -> bool:
        if batch.follows > self.expected:
            return False
        self.expected = batch.offset + 1
        self.in_flight += 1
        return True

    async def rewind(self, batch: RecordBatch) -> None:
        self.position = self.expected

    def ack(self, batch: RecordBatch) -> None:
        """Means nothing here."""

    def release(self, batch: RecordBatch) -> None:
        self.in_flight -= 1
        self.released = batch.offset + 1

    def read(self, most: int) -> None:
        """One batch, which is folded at once unless too many are in flight."""
        records = self._broker.logs[self.source][self.position : self.position + most]
        if not records:
            return
        last = records[-1].offset
        batch = RecordBatch(*self.source, last, 0.0, 0, [], b"", b"", None, 0, 0, self.source, generation_id=1)
        batch.follows, batch.records = self.position, records
        self.position = last + 1
        self._run(self._stage.put(batch))

    def deliver(self, which: int, most: int) -> None:
        """So many records of one place that has some, in the order in which they were handed over."""
        if self.producer.waiting:
            places = sorted(self.producer.waiting)
            self.producer.deliver(places[which % len(places)], most)
            self._run(asyncio.sleep(0))

    def refuse(self, place: TP, error: Exception) -> None:
        """The delivery of what waits there first fails."""
        self.producer.refuse(place, error)
        self._run(asyncio.sleep(0))

    def deliver_outputs(self) -> None:
        """All of them; of batches whose states were not written yet, these then wait."""
        self._deliver_all([place for place in self.producer.waiting if not place.topic.endswith(CHANGELOG)])

    def settle(self) -> None:
        """Deliver everything, the states last, so that all is released."""
        while self.producer.waiting:
            self._deliver_all(list(self.producer.waiting))
        assert self.in_flight == 0
        assert self.released == self.position

    def _deliver_all(self, places: list[TP]) -> None:
        for place in places:
            self.producer.deliver(place, len(self.producer.waiting[place]))
        self._run(asyncio.sleep(0))

    def end(self) -> None:
        """As SIGKILL does: nothing more is written."""
        for lane in self._stage.lanes.values():
            for task in lane.tasks:
                task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))

    def _run(self, work: Any) -> None:
        async def turn() -> None:
            await work
            for _ in range(5 * IN_FLIGHT):  # from a delivery to the release: gather, the lane, the states' futures
                await asyncio.sleep(0)

        self._loop.run_until_complete(turn())
        for lane in self._stage.lanes.values():
            for task in lane.tasks:
                if task.done():
                    task.result()
