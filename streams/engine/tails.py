"""Tails: whether a log still ends in what was read from it, and where to read on if it does not.

A broker that was killed, or a leader elected uncleanly, hands offsets out a second time. An offset alone cannot tell:
the log may have grown past it again before anyone looks. The record that was read last can.
"""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.types import TP

from runtime.kafka_login import kafka_login

# Records of the new tail were written after the lost one, by the clocks of other machines.
CLOCKS_MS = 60_000
_PATIENCE_MS = 10_000


@dataclass(frozen=True, slots=True)
class Mark:
    """The first offset not yet read; when the record before it was written (unix milliseconds), and its CRC.

    Without `written_at` only the offset is known.
    """

    next_offset: int = 0
    written_at: int = 0
    crc: int = 0


def mark_after(record: Any) -> Mark:
    """The mark of one who has read up to this record."""
    return Mark(record.offset + 1, max(0, record.timestamp or 0), _crc(record))


async def lost_tails(servers: Iterable[str], marks: Mapping[TP, Mark]) -> dict[TP, int]:
    """The partitions whose log has no longer the record before its mark, and the offset where to read on.

    What retention took away is not lost, it was read. Raises KafkaError, also when the record cannot be read: that
    says nothing about the log.
    """
    wanted = {TopicPartition(tp.topic, tp.partition): mark for tp, mark in marks.items() if mark.next_offset}
    if not wanted:
        return {}
    # nobody's group: the live consumer must not be moved
    consumer = AIOKafkaConsumer(
        bootstrap_servers=list(servers), auto_offset_reset="none", enable_auto_commit=False, **kafka_login()
    )
    await consumer.start()
    try:
        consumer.assign(list(wanted))
        begins, ends = await consumer.beginning_offsets(list(wanted)), await consumer.end_offsets(list(wanted))
        lost: dict[TP, int] = {}
        for place, mark in wanted.items():
            if mark.next_offset <= ends[place] and (
                not mark.written_at or mark.next_offset <= begins[place] or await _holds(consumer, place, mark)
            ):
                continue
            lost[TP(place.topic, place.partition)] = await _departure(consumer, place, mark, ends[place])
        return lost
    finally:
        await consumer.stop()


async def _holds(consumer: AIOKafkaConsumer, place: TopicPartition, mark: Mark) -> bool:
    """Whether the log's record before the mark is the one that was read."""
    consumer.seek(place, mark.next_offset - 1)
    found = await consumer.getmany(place, timeout_ms=_PATIENCE_MS, max_records=1)
    records = found.get(place)
    if not records:
        raise TimeoutError(f"{place.topic} partition {place.partition}: no record at {mark.next_offset - 1}")
    return mark_after(records[0]) == mark


async def _departure(consumer: AIOKafkaConsumer, place: TopicPartition, mark: Mark, end: int) -> int:
    """Where the new tail begins, or somewhat before: what is read again is known by its packets."""
    if not mark.written_at:
        return end
    by_time = await consumer.offsets_for_times({place: max(0, mark.written_at - CLOCKS_MS)})
    found = by_time.get(place)
    return min(found.offset, end) if found else end


def _crc(record: Any) -> int:
    crc = zlib.crc32(record.value or b"", zlib.crc32(record.key or b""))
    for name, value in record.headers or ():
        crc = zlib.crc32(value or b"", zlib.crc32(name.encode(), crc))
    return crc
