"""An idle consumer of the embedded broker asks ten times a second, not a thousand times, and still hears at once; one
that wants batches asks as seldom as if the broker gathered them.
"""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.consumer.fetcher import Fetcher

from runtime.kafka import PATIENCE_SECONDS, fetch_patiently

SECONDS = 1.0


async def idle_fetches(broker: str, topic: str) -> int:
    """How many fetches a consumer with nothing to do sends in a second; checks that a record still comes through."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=broker, auto_offset_reset="earliest")
    producer = AIOKafkaProducer(bootstrap_servers=broker)
    await producer.start()
    await producer.send_and_wait(topic, b"1")
    await consumer.start()
    sent: list[float] = []
    send = consumer._client.send

    async def counted(*args: Any, **kwargs: Any) -> Any:
        sent.append(time.monotonic())
        return await send(*args, **kwargs)

    try:
        await asyncio.wait_for(consumer.getone(), 10)
        consumer._client.send = counted
        await consumer.getmany(timeout_ms=int(SECONDS * 1000))
        fetches = len(sent)
        await producer.send_and_wait(topic, b"2")
        await asyncio.wait_for(consumer.getone(), 10)
        return fetches
    finally:
        await consumer.stop()
        await producer.stop()


@pytest.fixture(autouse=True)
def undone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins and ends with aiokafka as it is."""
    monkeypatch.setattr(Fetcher, "_proc_fetch_request", Fetcher._proc_fetch_request)


async def test_an_idle_consumer_does_not_spin(kafka: str, topic_prefix: str) -> None:
    most = 2 * SECONDS / PATIENCE_SECONDS
    assert await idle_fetches(kafka, topic_prefix + "spinning") > most
    fetch_patiently()
    fetch_patiently()
    assert await idle_fetches(kafka, topic_prefix + "patient") <= most


async def test_the_pause_is_short_while_records_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each hop of the embedded pipeline holds a live reading up by half of the longest pause."""
    pauses: list[float] = []
    answers = iter([True, False, False, True, False, *[False] * 9])

    async def fetch(*_: Any) -> bool:
        return next(answers)

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(Fetcher, "_proc_fetch_request", fetch)
    fetch_patiently()
    monkeypatch.setattr("runtime.kafka.asyncio.sleep", pause)
    fetcher: Any = SimpleNamespace(_fetch_min_bytes=1, _fetch_max_wait_ms=500)
    patient: Any = Fetcher._proc_fetch_request
    for _ in range(14):
        await patient(fetcher)
    first, second, again, *longer = pauses
    assert first == again < second
    assert first < PATIENCE_SECONDS / 10
    assert longer == sorted(longer)
    assert longer[-1] == PATIENCE_SECONDS


async def test_a_consumer_that_wants_batches_does_not_ask_for_each_record(kafka: str, topic_prefix: str) -> None:
    """The embedded broker does not gather, whatever it is asked for; each record would wake a sink."""
    fetch_patiently()
    topic, wait = topic_prefix + "gathered", 0.2
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=kafka,
        auto_offset_reset="earliest",
        fetch_min_bytes=1 << 19,
        fetch_max_wait_ms=int(wait * 1000),
    )
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        await producer.send_and_wait(topic, b"first")
        async with consumer:
            await asyncio.wait_for(consumer.getone(), 10)
            begun, batches, seen = time.monotonic(), 0, 0

            async def trickle() -> None:
                for number in range(50):
                    await producer.send_and_wait(topic, b"%d" % number)
                    await asyncio.sleep(0.01)

            async with asyncio.TaskGroup() as group:
                group.create_task(trickle())
                while seen < 50:
                    found = await consumer.getmany(timeout_ms=5000)
                    assert found, "nothing for five seconds"
                    batches, seen = batches + 1, seen + sum(map(len, found.values()))
    assert batches <= (time.monotonic() - begun) / (wait / 2) + 2  # a slow answer may look like a broker that waits


async def test_a_consumer_that_waits_can_be_stopped(kafka: str, topic_prefix: str) -> None:
    """Stopped in the middle of its pause, as a worker at SIGTERM: aiokafka awaits the task that it cancels."""
    fetch_patiently()
    consumer = AIOKafkaConsumer(topic_prefix + "quiet", bootstrap_servers=kafka)
    await consumer.start()
    await consumer.getmany(timeout_ms=int(1500 * PATIENCE_SECONDS))
    await asyncio.wait_for(consumer.stop(), 10)
