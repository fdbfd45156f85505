"""A worker killed with SIGKILL again and again: nothing missing, nothing counted twice, repeats bit for bit."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.streams.engine.conftest import read_all, until
from tests.streams.engine.counting import PARTITIONS, Count, load

RECORDS = 60_000
KILLS = 5


async def committed(broker: str, prefix: str) -> int:
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, group_id=prefix + "count", enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(prefix + "in", number) for number in range(PARTITIONS)]
        consumer.assign(places)
        return sum([await consumer.committed(place) or 0 for place in places])
    finally:
        await consumer.stop()


async def test_five_kills_lose_nothing_and_count_nothing_twice(
    kafka: str, counting_topics: str, producer: AIOKafkaProducer, start_worker: Callable[..., Any]
) -> None:
    prefix, dice = counting_topics, random.Random(1)
    keys = [b"key-%d" % number for number in range(200)]
    sent = [
        await producer.send(prefix + "in", b"%d" % number, key=keys[number % 200], partition=number % 200 % PARTITIONS)
        for number in range(RECORDS)
    ]
    await asyncio.gather(*sent)

    async def outputs() -> int:
        async with AIOKafkaConsumer(bootstrap_servers=kafka) as consumer:
            ends = await consumer.end_offsets([TopicPartition(prefix + "out", each) for each in range(PARTITIONS)])
        return sum(ends.values())

    for _ in range(KILLS):
        before = await outputs()
        worker = start_worker(kafka, prefix, COUNT_SLOW="0.05")

        async def has_moved(before: int = before) -> bool:
            return await outputs() > before

        await until(has_moved)
        await asyncio.sleep(dice.uniform(0.05, 0.4))  # the moment of the kill is meant to be any
        worker.kill()
        worker.wait()
    worker = start_worker(kafka, prefix)

    async def is_done() -> bool:
        return await committed(kafka, prefix) >= RECORDS

    await until(is_done, 180)
    worker.terminate()
    assert worker.wait(20) == 0

    expected = Counter(
        b"%d:%d" % (p, n) for p, found in enumerate(await read_all(kafka, prefix + "in")) for n in range(len(found))
    )
    got = Counter(record.value for found in await read_all(kafka, prefix + "out") for record in found)  # type: ignore[attr-defined]
    assert got.keys() == expected.keys()

    states: dict[bytes, Count] = {}
    for found in await read_all(kafka, prefix + "count-n-changelog"):
        for record in found:
            states[record.key] = load(record.value)  # type: ignore[attr-defined]
    sums = Counter[bytes]()
    for number in range(RECORDS):
        sums[keys[number % 200]] += number
    assert {key: state.count for key, state in states.items()} == dict.fromkeys(keys, RECORDS // 200)
    assert {key: state.total for key, state in states.items()} == dict(sums)
