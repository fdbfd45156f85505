"""After a reboot: the last half hour of the archive goes back into raw-frames, and the worker rebuilds its state."""

from pathlib import Path

from aiokafka import AIOKafkaProducer

from history.archive import Archive
from runtime.kafka import partition_of
from schemas.topics import EMBEDDED_RETENTION, RAW_FRAMES

ARCHIVED = ("archived", b"1")  # the sinks leave such a record out: the archive has it


async def restore(archive_file: Path, broker: str, prefix: str) -> int:
    """Publish the archive's last half hour, ticks too, however long ago that was; says how many records.

    Raises KafkaError, StoreUnavailable.
    """
    if not archive_file.exists():
        return 0
    archive = Archive(archive_file)
    producer = AIOKafkaProducer(bootstrap_servers=broker, acks="all", enable_idempotence=True)
    count = 0
    topic = RAW_FRAMES.full_name(prefix)
    try:
        await producer.start()
        newest = archive.newest() or 0
        for record in archive.read(newest - EMBEDDED_RETENTION * 1000, newest + 1):
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
