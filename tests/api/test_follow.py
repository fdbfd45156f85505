"""The follower of the compacted topics against a real broker, which is also killed, emptied and started again."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from api.follow import Follower
from api.live import Live
from api.metrics import Metrics
from cli.child import spawn
from cli.embedded import kafka_command, wait_until_accepts
from runtime.kafka import ensure_topics
from runtime.sessions import BeginAnew
from schemas.codec import encode
from schemas.reading import Latest
from schemas.topics import LATEST
from tests.api.conftest import until
from tests.api.fakes import NOW, OTHER, SENSOR, latest, reading


class Following:
    """A reader at work, and what it holds."""

    def __init__(self, broker: str, topic: str) -> None:
        live = Live()
        self.table, self.topic = live.sensors, topic
        self.metrics = Metrics(live, lambda: NOW)
        self.reader = Follower(
            broker, {topic: live.sensors}, self.metrics, check_seconds=0.2, backoff_seconds=(0.05, 0.2)
        )

    def revision(self, sensor: str) -> int | None:
        held = self.table.row(sensor)
        return held.revision if held else None

    def count(self, name: str) -> float:
        labels = {"topic": self.topic, "outcome": name}
        return self.metrics.registry.get_sample_value("bluflow_api_records_total", labels) or 0


@asynccontextmanager
async def following(broker: str, topic: str) -> AsyncIterator[Following]:
    it = Following(broker, topic)
    task = asyncio.create_task(it.reader.run())
    try:
        yield it
        assert not task.done()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def send(
    broker: str, topic: str, *records: tuple[str, Latest | bytes | None], partition: int | None = None
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker, enable_idempotence=True)  # a slow answer doubles no record
    await producer.start()
    try:
        for sensor, record in records:
            value = encode(record) if isinstance(record, Latest) else record
            await producer.send_and_wait(topic, value, key=sensor.encode(), partition=partition)
    finally:
        await producer.stop()


@pytest.fixture
def topic(topics: str) -> str:
    return LATEST.full_name(topics)


async def test_reads_what_is_there_then_follows(kafka: str, topic: str) -> None:
    await send(kafka, topic, (SENSOR, latest(revision=1)), (OTHER, latest(OTHER, 1)), (SENSOR, latest(revision=2)))
    async with following(kafka, topic) as it:
        assert it.reader.problem is not None
        await until(lambda: it.reader.problem is None)
        assert it.reader.loaded
        assert it.metrics.registry.get_sample_value("bluflow_api_connected") == 1
        assert it.table.get(SENSOR) == latest(revision=2)
        assert it.table.get(OTHER) == latest(OTHER, 1)

        await send(kafka, topic, (OTHER, latest(OTHER, 2)))
        await until(lambda: it.revision(OTHER) == 2)
        assert it.count("applied") == 4


async def test_an_empty_topic_is_ready(kafka: str, topic: str) -> None:
    async with following(kafka, topic) as it:
        await until(lambda: it.reader.problem is None)
        assert it.table.all() == []


async def test_a_lower_revision_is_ignored_a_null_deletes_and_nonsense_is_skipped(kafka: str, topic: str) -> None:
    await send(kafka, topic, (SENSOR, b"{nonsense"), (SENSOR, latest(revision=5)), (SENSOR, latest(revision=4)))
    async with following(kafka, topic) as it:
        await until(lambda: it.reader.problem is None)
        assert (it.revision(SENSOR), it.count("ignored"), it.count("undecodable")) == (5, 1, 1)

        deep = b'{"sensor":' + b"[" * 100_000
        records: list[tuple[str, Latest | bytes | None]] = [
            (SENSOR, latest(revision=3)),
            (SENSOR, b"\xff"),
            (SENSOR, deep),
            (SENSOR, latest(revision=6)),
        ]
        await send(kafka, topic, *records)
        await until(lambda: it.revision(SENSOR) == 6)
        assert (it.count("ignored"), it.count("undecodable")) == (2, 3)

        await send(kafka, topic, (SENSOR, None))
        await until(lambda: it.table.get(SENSOR) is None)


async def test_what_the_topic_says_wins_over_a_seed_and_a_seed_fills_what_it_lost(kafka: str, topic: str) -> None:
    await send(kafka, topic, (SENSOR, latest(revision=0)))
    async with following(kafka, topic) as it:
        it.table.seed([reading(NOW + 1), reading(NOW, OTHER)])
        await until(lambda: it.reader.problem is None)
        assert it.revision(SENSOR) == 0
        assert it.revision(OTHER) == -1


async def test_a_topic_that_comes_later_is_noticed(kafka: str, topic_prefix: str) -> None:
    topic = LATEST.full_name(topic_prefix)
    async with following(kafka, topic) as it:
        await until(lambda: "does not exist" in (it.reader.problem or ""))
        await ensure_topics(kafka, [LATEST], topic_prefix, embedded=True)
        await until(lambda: it.reader.problem is None)


class Broker:
    """A broker of its own that a test may kill, empty and start again on the same port."""

    def __init__(self, port: int, folder: Path) -> None:
        self.address = f"127.0.0.1:{port}"
        self._port, self._folder = port, folder
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._folder.mkdir(exist_ok=True)
        self._child = spawn(
            kafka_command(self._port, self._folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until_accepts(self.address)

    def kill(self) -> None:
        if self._child:
            self._child.kill()
            self._child.wait()

    def has_saved(self, text: str) -> bool:
        """Whether `text` is on disk; the broker writes its file about once a second."""
        return any(text in file.read_text(errors="ignore") for file in self._folder.rglob("*") if file.is_file())

    def empty(self) -> None:
        shutil.rmtree(self._folder)


@pytest.fixture
def broker(free_port: Callable[[], int], tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(free_port(), tmp_path / "kafka")
    broker.start()
    yield broker
    broker.kill()


async def test_a_broker_that_was_away_is_found_again(broker: Broker) -> None:
    topic = LATEST.full_name("")
    await ensure_topics(broker.address, [LATEST], "", embedded=True)
    await send(broker.address, topic, (SENSOR, latest(revision=1)))
    async with following(broker.address, topic) as it:
        await until(lambda: it.reader.problem is None)
        await until(lambda: broker.has_saved(topic))
        broker.kill()
        await until(lambda: "no Kafka broker answers" in (it.reader.problem or ""))
        assert it.table.get(SENSOR) is not None
        assert it.reader.loaded
        assert it.metrics.registry.get_sample_value("bluflow_api_connected") == 0

        broker.start()
        await until(lambda: it.reader.problem is None)
        await send(broker.address, topic, (SENSOR, latest(revision=2)))
        await until(lambda: it.revision(SENSOR) == 2)
    left = [task.get_coro() for task in asyncio.all_tasks() if "aiokafka" in repr(task)]
    assert left == [], "a session that ended left a client behind"


async def test_an_emptied_broker_is_read_anew_and_nobody_vanishes_meanwhile(broker: Broker) -> None:
    topic = LATEST.full_name("")
    await ensure_topics(broker.address, [LATEST], "", embedded=True)
    await send(broker.address, topic, (SENSOR, latest(revision=900)), (OTHER, latest(OTHER, 900)))
    async with following(broker.address, topic) as it:
        await until(lambda: it.reader.problem is None)
        fewest = 2

        def watched(condition: Callable[[], bool]) -> Callable[[], bool]:
            def check() -> bool:
                nonlocal fewest
                fewest = min(fewest, len(it.table.all()))
                return condition()

            return check

        broker.kill()
        broker.empty()
        broker.start()
        await ensure_topics(broker.address, [LATEST], "", embedded=True)
        # its revisions begin anew: what was held must not be in their way
        await send(broker.address, topic, (SENSOR, latest(revision=1, seen=NOW)))
        await until(watched(lambda: it.revision(SENSOR) == 1))
        await until(watched(lambda: it.reader.problem is None and it.revision(OTHER) == -1))
        assert fewest == 2


async def test_a_topic_made_anew_is_read_anew(kafka: str, topic: str) -> None:
    """The broker answers all the while; revisions begin anew."""
    await send(kafka, topic, *((SENSOR, latest(revision=number)) for number in range(900, 910)))
    async with following(kafka, topic) as it:
        await until(lambda: it.reader.problem is None)
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        try:
            await admin.delete_topics([topic])
        finally:
            await admin.close()
        await ensure_topics(kafka, [LATEST], topic.removesuffix(LATEST.name), embedded=True)
        await send(kafka, topic, (SENSOR, latest(revision=1)))
        await until(lambda: it.revision(SENSOR) == 1)


async def test_new_partitions_are_noticed(kafka: str, topic: str, caplog: pytest.LogCaptureFixture) -> None:
    """By the check while they are empty, or by their first record, whichever comes first."""

    async def grow(partitions: int) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        try:
            await admin.create_partitions({topic: NewPartitions(partitions)})
        finally:
            await admin.close()

    def times_noticed() -> int:
        return sum("the partitions of" in record.getMessage() for record in caplog.records)

    async with following(kafka, topic) as it:
        await until(lambda: it.reader.problem is None)
        await grow(5)
        await until(lambda: times_noticed() == 1 and it.reader.problem is None)

        await grow(6)
        await send(kafka, topic, (SENSOR, latest(revision=7)), partition=5)
        await until(lambda: times_noticed() == 2 and it.reader.problem is None)
        assert it.revision(SENSOR) == 7


async def test_a_cancellation_that_nobody_asked_for_does_not_end_the_reader(
    kafka: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Follower._session
    sessions = 0

    async def cut_short_once(self: Follower) -> None:
        nonlocal sessions
        sessions += 1
        if sessions == 1:
            raise asyncio.CancelledError
        await session(self)

    monkeypatch.setattr(Follower, "_session", cut_short_once)
    async with following(kafka, topic) as it:
        await until(lambda: it.reader.problem is None)


class FakeConsumer:
    """A consumer of one partition that was read to `READ`: what the broker says of it is made up."""

    PARTITION = TopicPartition("latest", 0)
    READ = 10

    def __init__(self, *, end: int = READ, comes: tuple[int, ...] = ()) -> None:
        self._end, self._comes = end, comes

    async def topics(self) -> set[str]:
        return {"latest"}

    def assignment(self) -> set[TopicPartition]:
        return {self.PARTITION}

    async def end_offsets(self, _: object) -> dict[TopicPartition, int]:
        return {self.PARTITION: self._end}

    async def getmany(self, **_: object) -> dict[TopicPartition, list[SimpleNamespace]]:
        value = encode(latest(revision=1))
        return {
            self.PARTITION: [
                SimpleNamespace(topic="latest", partition=0, offset=offset, value=value) for offset in self._comes
            ]
        }


async def test_an_end_before_what_was_read_is_a_lost_tail() -> None:
    reader = Following("127.0.0.1:1", "latest").reader
    positions = {FakeConsumer.PARTITION: FakeConsumer.READ}
    await reader._check(FakeConsumer(end=10), positions)
    with pytest.raises(BeginAnew, match="lost the end"):
        await reader._check(FakeConsumer(end=9), positions)


async def test_an_offset_that_was_read_already_is_a_lost_tail_and_not_applied() -> None:
    it = Following("127.0.0.1:1", "latest")
    positions = {FakeConsumer.PARTITION: FakeConsumer.READ}
    with pytest.raises(BeginAnew, match="lost the end"):
        await it.reader._take(FakeConsumer(comes=(9,)), positions)
    assert it.table.all() == []
    assert await it.reader._take(FakeConsumer(comes=(10, 13)), positions)
    assert positions == {FakeConsumer.PARTITION: 14}
