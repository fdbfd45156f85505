"""A producer for a few records that come rarely: made for them, rather than kept and minded."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed

from runtime.kafka_login import kafka_login


@contextlib.asynccontextmanager
async def short_producer(broker: str, **config: Any) -> AsyncIterator[Any]:
    """One whose records are acknowledged by all copies, for as long as the context lasts. `config`: as aiokafka's.

    Bound it with `asyncio.timeout`: it waits for a broker that is away. Raises KafkaError.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=broker,
        acks="all",
        enable_idempotence=True,
        linger_ms=5,
        **config,
        **kafka_login(),
    )
    try:
        await producer.start()
        yield producer
    except BaseException:
        # Its own stop() would flush, that is wait for ever for a broker that is away. What it still holds is sent
        # again by whoever wanted it sent. aiokafka has no public way; its version is pinned.
        sender = producer._sender.sender_task
        while sender is not None and not sender.done():
            sender.cancel()  # once to stop its loop, again to stop its wait for requests in flight
            await asyncio.wait({sender}, timeout=1.0)
        producer._message_accumulator.fail_all(ProducerClosed())
        raise
    finally:
        await producer.stop()
