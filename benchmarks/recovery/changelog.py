"""Tables of so many sensors in the changelog, as a worker would have left them: some states made by the real fold,
their bytes under the key of every sensor.
"""

from collections.abc import Iterable, Iterator

from aiokafka import AIOKafkaProducer

from benchmarks.engine.backlog import PARTITIONS, Record, sensor
from benchmarks.state import fold_all
from runtime.kafka import partition_of
from schemas.topics import TRACK_CHANGELOG

_FOLDED = 50
EACH = 30  # advertisements of a sensor: so that it remembers the packets of 20 minutes


def states(sensors: int) -> Iterator[Record]:
    """Partition, key, value of every sensor's record."""
    made = list(fold_all(_FOLDED * EACH, _FOLDED).values())
    for index in range(sensors):
        key = sensor(index).encode()
        yield partition_of(key, PARTITIONS), key, made[index % len(made)]


async def fill(broker: str, prefix: str, records: Iterable[Record]) -> int:
    """Write them; how many bytes of keys and values."""
    topic, size = TRACK_CHANGELOG.full_name(prefix), 0
    producer = AIOKafkaProducer(bootstrap_servers=broker, max_batch_size=256 * 1024)
    await producer.start()
    batches = [producer.create_batch() for _ in range(PARTITIONS)]
    try:
        for partition, key, value in records:
            if batches[partition].append(key=key, value=value, timestamp=None) is None:
                await producer.send_batch(batches[partition], topic, partition=partition)
                batches[partition] = producer.create_batch()
                batches[partition].append(key=key, value=value, timestamp=None)
            size += len(key) + len(value)
        for partition, batch in enumerate(batches):
            await producer.send_batch(batch, topic, partition=partition)
        await producer.flush()
    finally:
        await producer.stop()
    return size
