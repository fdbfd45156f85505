"""Records that can never be stored -> dead-letters, their bytes untouched, with an acknowledged delivery."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import ConsumerRecord

from runtime.short_producer import short_producer
from schemas.dead_letter import dead_letter_headers

SECONDS = 30.0  # for the delivery of one batch's dead letters
_LARGEST = 4 * 1024 * 1024  # bytes; a record at the topic's limit still gets its headers


class DeadLetter(NamedTuple):
    """A record, why it is dead (undecodable or rejected), and the details for a person."""

    record: ConsumerRecord
    reason: str
    detail: str


async def deliver(broker: str, topic: str, stage: str, letters: Sequence[DeadLetter], generation: str = "") -> None:
    """Return once Kafka has them all. Raises KafkaError or TimeoutError; then some may be there, none is lost.

    Dead letters are rare: a producer is made for them when they come, rather than kept and minded.
    """
    async with asyncio.timeout(SECONDS), short_producer(broker, max_request_size=_LARGEST) as producer:
        futures = [
            await producer.send(
                topic,
                _value(letter.record),
                key=letter.record.key,
                headers=dead_letter_headers(
                    stage=stage,
                    reason=letter.reason,
                    detail=letter.detail,
                    origin=f"{letter.record.topic}:{letter.record.partition}:{letter.record.offset}",
                    time=letter.record.timestamp,  # not now(): a letter that comes twice is the same
                    headers=letter.record.headers,
                    generation=generation,
                ),
            )
            for letter in letters
        ]
        await asyncio.gather(*futures)


def _value(record: ConsumerRecord) -> bytes | None:
    """Untouched, unless there is no key either: the client sends no record that has neither."""
    return b"" if record.key is None and record.value is None else record.value
