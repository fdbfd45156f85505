"""Records that can never be stored -> dead-letters, their bytes untouched, with an acknowledged delivery."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import ProducerClosed

from runtime.kafka_login import kafka_login
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
    async with asyncio.timeout(SECONDS), _producer(broker) as producer:
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


@contextlib.asynccontextmanager
async def _producer(broker: str) -> AsyncIterator[Any]:
    producer = AIOKafkaProducer(
        bootstrap_servers=broker,
        acks="all",
        enable_idempotence=True,
        max_request_size=_LARGEST,
        linger_ms=5,
        **kafka_login(),
    )
    try:
        await producer.start()
        yield producer
    except BaseException:
        # Its own stop() would flush, that is wait for ever for a broker that is away. What it still holds is sent
        # again with the whole batch. aiokafka has no public way; its version is pinned.
        sender = producer._sender.sender_task
        while sender is not None and not sender.done():
            sender.cancel()  # once to stop its loop, again to stop its wait for requests in flight
            await asyncio.wait({sender}, timeout=1.0)
        producer._message_accumulator.fail_all(ProducerClosed())
        raise
    finally:
        await producer.stop()
