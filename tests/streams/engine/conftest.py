"""A counting worker on real topics of its own, and what it should come to."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from faust.types import TP

from cli.child import spawn
from schemas.topics import Topic
from streams.engine.consumer import BatchConsumer, RecordBatch
from tests.conftest import topics_while
from tests.streams.engine.counting import PARTITIONS, make_app

PLACE = TP("in", 0)
TOPICS = [
    Topic("in", "", "", "delete", None),
    Topic("out", "", "", "delete", None),
    Topic("count-n-changelog", "", "", "compact", None),
]


async def read_all(broker: str, topic: str, partitions: int = PARTITIONS) -> list[list[object]]:
    """All records of a topic, partition by partition."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker, auto_offset_reset="earliest", max_partition_fetch_bytes=4 << 20
    )
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for number in range(partitions)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        found: dict[TopicPartition, list[object]] = {place: [] for place in places}
        for place in places:
            while await consumer.position(place) < ends[place]:
                for got, records in (await consumer.getmany(timeout_ms=500)).items():
                    found[got] += records
        return [found[place] for place in places]
    finally:
        await consumer.stop()


@pytest.fixture
async def counting_topics(kafka: str, topic_prefix: str) -> AsyncIterator[str]:
    async with topics_while(kafka, TOPICS, topic_prefix):
        yield topic_prefix


@pytest.fixture
async def producer(kafka: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, linger_ms=20)
    await producer.start()
    yield producer
    await producer.stop()


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[Callable[..., "object"]]:
    """Start a counting worker; all are killed when the test ends."""
    import os

    children = []

    def start(broker: str, prefix: str, *arguments: str, script: str = "counting.py", **env: str) -> object:
        log = (tmp_path / ("worker.log" if script == "counting.py" else "stock.log")).open("ab")
        root = str(Path(__file__).parents[3])
        environment = {**os.environ, "PYTHONPATH": root, "COUNT_DATA": str(tmp_path / script), **env}
        command = [sys.executable, str(Path(__file__).parent / script), broker, prefix, *arguments]
        child = spawn(command, env=environment, stdout=log, stderr=log, cwd=root)
        log.close()
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.wait()


async def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Poll an async or plain condition until it holds; fails the test when it does not in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        result = condition()
        if asyncio.iscoroutine(result):
            result = await result
        if result:
            return
        assert loop.time() < deadline, f"not within {seconds} s: {condition}"
        await asyncio.sleep(0.05)


@pytest.fixture
async def consumer() -> BatchConsumer:
    """A consumer that is not connected to anything."""
    app = make_app("127.0.0.1:1", "unit.")
    app.finalize()
    made: BatchConsumer = app.consumer  # type: ignore[assignment]
    BatchConsumer.batch_topics |= {"in"}
    made.app.consumer_generation_id = 1
    return made


def batch(first: int, last: int, follows: int | None = None, generation: int = 1) -> RecordBatch:
    records = [SimpleNamespace(offset=offset) for offset in range(first, last + 1)]
    made = RecordBatch("in", 0, last, 0.0, 0, [], b"", b"", None, 0, 0, PLACE, generation_id=generation)
    made.follows, made.records = first if follows is None else follows, records
    return made
