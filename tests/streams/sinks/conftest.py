"""Sinks against the real broker: send records, look at rows, offsets and dead letters."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from cli.child import spawn
from history.archive import Archive, RawRecord
from history.sqlite import SqliteHistory
from schemas.aggregate import FIVE_MINUTES, Aggregate
from schemas.codec import encode
from schemas.delivery import Delivery
from schemas.frame import Frame, Headers, frame_key
from schemas.reading import Reading
from schemas.topics import DEAD_LETTERS, Topic
from streams.sinks.settings import SinkSettings
from tests.contract.engines import SENSOR, START, reading
from tests.influxdb import influx, own_influx

__all__ = ["influx", "own_influx"]

GATEWAY_TOPIC = "shellyplus1pm-a8032abe54dc/events/rpc"


class Message(NamedTuple):
    """A record to send. No partition: where its key belongs."""

    key: bytes | None
    value: bytes | None
    headers: Headers = []  # noqa: RUF012 - never changed
    partition: int | None = None


def reading_message(number: int, *, sensor: str = SENSOR) -> Message:
    return Message(sensor.encode(), encode(reading(number, sensor=sensor)))


def aggregate_message(aggregate: Aggregate) -> Message:
    return Message(aggregate.key, encode(aggregate), partition=0)


def delivery_message(delivery: Delivery) -> Message:
    return Message(delivery.key, encode(delivery), partition=0)


def frame_message(number: int) -> Message:
    frame = Frame(GATEWAY_TOPIC, b'{"n":%d}' % number, START + number)
    return Message(frame_key(frame.topic), frame.payload, frame.headers())


async def until(condition: Callable[[], Awaitable[Any]], *, seconds: float = 20) -> Any:
    """The condition's first true answer; AssertionError if there is none in time."""
    deadline = time.monotonic() + seconds
    while not (answer := await condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {condition}"
        await asyncio.sleep(0.05)
    return answer


class Pipeline:
    """One test's topics, stores and sink processes."""

    def __init__(self, settings: SinkSettings) -> None:
        self.settings = settings
        self.history_file = settings.data / "history.sqlite"
        self.archive_file = settings.data / "archive.sqlite"

    def name(self, topic: Topic) -> str:
        return topic.full_name(self.settings.topic_prefix)

    async def send(self, topic: Topic, messages: Sequence[Message]) -> None:
        """Return once all are acknowledged."""
        async with AIOKafkaProducer(bootstrap_servers=self.settings.broker, enable_idempotence=True) as producer:
            futures = [
                await producer.send(self.name(topic), m.value, key=m.key, headers=m.headers, partition=m.partition)
                for m in messages
            ]
            await asyncio.gather(*futures)

    async def readings(self, sensor: str = SENSOR) -> list[Reading]:
        return [found async for found in SqliteHistory(self.history_file).readings(sensor, 0, 2**62)]

    async def aggregates(self, width: int = FIVE_MINUTES) -> list[Aggregate]:
        return [found async for found in SqliteHistory(self.history_file).aggregates(SENSOR, width, 0, 2**62)]

    async def deliveries(self) -> list[Delivery]:
        return list(await SqliteHistory(self.history_file).deliveries(SENSOR, 0, 2**62))

    async def archived(self) -> list[RawRecord]:
        return list(Archive(self.archive_file).read(0, 2**62))

    async def committed(self, sink: str) -> int:
        """The sum of the group's committed offsets."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.settings.broker)
        await admin.start()
        try:
            offsets = await admin.list_consumer_group_offsets(f"{self.settings.topic_prefix}sink-{sink}")
            return sum(max(0, found.offset) for found in offsets.values())
        finally:
            await admin.close()

    async def dead_letters(self) -> list[Any]:
        """All records of the dead letter topic."""
        async with AIOKafkaConsumer(bootstrap_servers=self.settings.broker) as consumer:
            partition = TopicPartition(self.name(DEAD_LETTERS), 0)
            consumer.assign([partition])
            end = (await consumer.end_offsets([partition]))[partition]
            await consumer.seek_to_beginning(partition)
            found: list[Any] = []
            while await consumer.position(partition) < end:
                found += (await consumer.getmany(timeout_ms=200)).get(partition, [])
            return found

    async def page(self, path: str) -> tuple[int, str]:
        """Status and text of the process's own page; 0 while it does not answer."""
        try:
            async with aiohttp.ClientSession() as session, session.get(self.url(path)) as answer:
                return answer.status, await answer.text()
        except aiohttp.ClientConnectionError:
            return 0, ""

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.settings.port}{path}"

    async def ready(self) -> bool:
        return (await self.page("/health/ready"))[0] == 200

    def start(self, log: Path, **environment: str) -> Any:
        """`python -m streams.sinks` with these settings."""
        own = {
            "BROKER": self.settings.broker,
            "BLUFLOW_TOPIC_PREFIX": self.settings.topic_prefix,
            "BLUFLOW_DATA": str(self.settings.data),
            "SINKS_PORT": str(self.settings.port),
            "SINKS_MEMBER_ID": self.settings.member_id,
            # the tests' frames are as old as their data
            "SINKS_ARCHIVE_DAYS": "36500",
            "BLUFLOW_RAW_DAYS": "36500",
            "BLUFLOW_FIVE_MINUTE_DAYS": "36500",
        }
        with log.open("ab") as out:
            return spawn(
                [sys.executable, "-m", "streams.sinks"], env=os.environ | own | environment, stdout=out, stderr=out
            )


@pytest.fixture
def pipeline(kafka: str, topics: str, tmp_path: Path, free_port: Callable[[], int]) -> Pipeline:
    return Pipeline(
        SinkSettings(broker=kafka, topic_prefix=topics, data=tmp_path / "data", port=free_port(), member_id="test")
    )


@pytest.fixture
def start(pipeline: Pipeline, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Start a sink process; it is killed after the test. Its log is `sinks.log`."""
    children = []

    def started(**environment: str) -> Any:
        children.append(pipeline.start(tmp_path / "sinks.log", **environment))
        return children[-1]

    yield started
    for child in children:
        child.kill()
        child.wait()
