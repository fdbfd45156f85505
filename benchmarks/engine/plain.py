"""The least that could do the work: aiokafka, the same pure fold, the same outputs and changelog, in no order.

`python -m benchmarks.engine.plain BROKER PREFIX TOPIC RECORDS ADVERTISEMENTS`. No fence against a lost lease, no order
between outputs and states, no recovery, no alignment: whoever stops it in the middle loses something.
"""

import asyncio
import gc
import time
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks.engine.backlog import PARTITIONS
from benchmarks.engine.job import Job, job
from benchmarks.engine.ours import places
from benchmarks.meter import Meter
from schemas.topics import READINGS, TRACK_CHANGELOG
from streams.engine import Output, States
from streams.track import TrackStage

MOST_PENDING = 64  # batches that are not yet delivered
COMMIT_SECONDS = 1.0


class Packer:
    """Outputs into native batches, one open for each place; `pending` tells of their delivery."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self.pending: list[asyncio.Future[Any]] = []

    async def send(self, outputs: list[Output]) -> None:
        by_place: dict[tuple[str, int], list[Output]] = {}
        for output in outputs:
            by_place.setdefault((output.topic, output.partition), []).append(output)
        for (topic, partition), found in by_place.items():
            batch = self._producer.create_batch()
            for each in found:
                if batch.append(key=each.key, value=each.value, timestamp=None) is None:
                    self.pending.append(await self._producer.send_batch(batch, topic, partition=partition))
                    batch = self._producer.create_batch()
                    batch.append(key=each.key, value=each.value, timestamp=None)
            self.pending.append(await self._producer.send_batch(batch, topic, partition=partition))

    async def delivered(self) -> None:
        pending, self.pending = self.pending, []
        await asyncio.gather(*pending)


async def work(job: Job) -> None:
    """Until so many records are worked off."""
    there = places(job.prefix, job.topic)
    stage, meter = TrackStage(there), Meter()
    states: dict[int, States] = {partition: {} for partition in range(PARTITIONS)}
    changelog, readings = there.name(TRACK_CHANGELOG), there.name(READINGS)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=job.broker,
        group_id=job.prefix + "plain",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 << 20,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=job.broker, acks="all", enable_idempotence=True, linger_ms=5, max_batch_size=256 * 1024
    )
    await consumer.start()
    await producer.start()
    consumer.assign([TopicPartition(job.topic, partition) for partition in range(PARTITIONS)])
    packer, taken, written, committed_at = Packer(producer), 0, 0, time.monotonic()
    while taken < job.records:
        for place, found in (await consumer.getmany(timeout_ms=1000, max_records=5000)).items():
            meter.begin()
            given = stage.fold(found, states[place.partition], place.partition)
            written += sum(output.topic == readings for output in given.outputs)
            await packer.send(given.outputs)
            await packer.send([Output(changelog, place.partition, key, value) for key, value in given.changed.items()])
            taken += len(found)
        if len(packer.pending) > MOST_PENDING or time.monotonic() - committed_at > COMMIT_SECONDS:
            await packer.delivered()
        if time.monotonic() - committed_at > COMMIT_SECONDS:
            await consumer.commit()
            committed_at = time.monotonic()
    await packer.delivered()
    meter.report(job.advertisements, written)


if __name__ == "__main__":
    gc.set_threshold(100_000, 50, 50)  # as the worker does
    asyncio.run(work(job()))
