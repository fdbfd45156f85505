"""After a reboot: the newest day of the archive goes back into raw-frames, and the worker rebuilds its state.

From midnight in UTC, where the widest window begins, so that no window is made again from a part of its readings.
"""

from pathlib import Path

from aiokafka import AIOKafkaProducer

from history.archive import Archive
from runtime.kafka import partition_of
from runtime.kafka_login import kafka_login
from schemas.aggregate import DAY, window_start
from schemas.topics import EMBEDDED_RETENTION, RAW_FRAMES

MOST = 60_000  # records; a dozen sensors and three gateways make 43,000 a day. The broker holds them for half an hour
ARCHIVED = ("archived", b"1")  # the sinks leave such a record out: the archive has it


async def restore(archive_file: Path, broker: str, prefix: str, *, most: int = MOST) -> int:
    """Publish the archive's newest day, ticks too, however long ago that was; says how many records.

    At least its last half hour, and no more than that if the day has more than `most` records. Raises KafkaError,
    StoreUnavailable.
    """
    if not archive_file.exists():
        return 0
    archive = Archive(archive_file)
    producer = AIOKafkaProducer(bootstrap_servers=broker, acks="all", enable_idempotence=True, **kafka_login())
    count = 0
    topic = RAW_FRAMES.full_name(prefix)
    try:
        await producer.start()
        newest = archive.newest() or 0
        half_hour = newest - EMBEDDED_RETENTION * 1000
        start = min(half_hour, window_start(newest, DAY))
        if archive.count(start, newest + 1) > most:
            start = half_hour
        for record in archive.read(start, newest + 1):
            # its own partition, or ticks would miss one; but the archive may be of a log with more partitions
            partition = record.partition
            if partition >= RAW_FRAMES.embedded_partitions:
                if record.key is None:
                    continue
                partition = partition_of(record.key, RAW_FRAMES.embedded_partitions)
            headers = [header for header in record.headers if header != ARCHIVED] + [ARCHIVED]
            # an empty record is a tick; aiokafka wants bytes where there is no key
            value = b"" if record.key is None and record.value is None else record.value
            await producer.send(topic, value, record.key, partition=partition, headers=headers)
            count += 1
        await producer.flush()
    finally:
        await producer.stop()
        await archive.close()
    return count
