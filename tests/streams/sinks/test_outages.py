"""A store or a broker that is away for a while: nothing lost, nothing committed too early, nobody else disturbed."""

import asyncio
import logging
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import pytest

from cli.child import spawn
from cli.embedded import kafka_command, wait_until_accepts
from history.archive import Archive
from history.sqlite import SqliteHistory
from history.store import Retention, StoreUnavailable
from runtime.kafka import ensure_topics
from schemas.reading import Reading
from schemas.topics import RAW_FRAMES, READINGS, TOPICS
from streams.sinks import consumer
from streams.sinks.archive import ArchiveTarget
from streams.sinks.history import HistoryTarget
from streams.sinks.settings import SinkSettings
from streams.sinks.sink import Sink
from tests.contract.engines import SENSOR, reading
from tests.polling import until_async
from tests.streams.sinks.conftest import Message, Pipeline, frame_message, reading_message, until


class Running:
    """History and archive in this process, impatient with locks."""

    def __init__(self, settings: SinkSettings) -> None:
        settings.data.mkdir(exist_ok=True)
        retention = Retention(readings=36_500)  # the tests' readings are as old as their data
        history = SqliteHistory(settings.data / "history.sqlite", retention=retention, busy_timeout=0.05)
        archive = Archive(settings.data / "archive.sqlite", busy_timeout=0.05)
        self.history = Sink(HistoryTarget(history), settings)
        self.archive = Sink(ArchiveTarget(archive, keep_days=36_500), settings)
        self.stop = asyncio.Event()


@asynccontextmanager
async def running(settings: SinkSettings) -> AsyncIterator[Running]:
    sinks = Running(settings)
    async with asyncio.TaskGroup() as group:
        group.create_task(sinks.history.run(sinks.stop))
        group.create_task(sinks.archive.run(sinks.stop))
        yield sinks
        sinks.stop.set()


@pytest.fixture
def assignments(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sink's name for each time that a sink was assigned partitions."""
    seen: list[str] = []
    original = consumer.Member.on_partitions_assigned

    async def noted(member: consumer.Member, assigned: Any) -> None:
        seen.append(member._sink)
        await original(member, assigned)

    monkeypatch.setattr(consumer.Member, "on_partitions_assigned", noted)
    return seen


def committed(pipeline: Pipeline, sink: str, count: int) -> Callable[[], Any]:
    async def is_committed() -> bool:
        return await pipeline.committed(sink) == count

    return is_committed


async def test_a_locked_history_is_waited_out(
    pipeline: Pipeline, assignments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than a member may go without a poll. The archive works on, the membership lives, then all arrives."""
    monkeypatch.setattr(consumer, "POLL_LIMIT", 1.0)
    async with running(pipeline.settings) as sinks:
        await pipeline.send(READINGS, [reading_message(0)])
        await until(committed(pipeline, "history", 1))
        with closing(sqlite3.connect(pipeline.history_file)) as other:
            other.execute("BEGIN IMMEDIATE")
            await pipeline.send(READINGS, [Message(b"poison", b"{"), *map(reading_message, range(1, 1000))])
            await pipeline.send(RAW_FRAMES, [frame_message(number) for number in range(100)])
            await until(committed(pipeline, "archive", 100))
            await asyncio.sleep(3.5)  # the outage itself
            assert sinks.history.problem is not None
            assert "history: store: " in sinks.history.problem
            assert "locked" in sinks.history.problem
            assert sinks.archive.problem is None
            assert await pipeline.readings() == [reading(0)]
            assert await pipeline.committed("history") == 1
            assert await pipeline.dead_letters() == []
            assert sorted(assignments) == ["archive", "history"]
        await until(committed(pipeline, "history", 1001))
        assert sinks.history.problem is None
    assert await pipeline.readings() == [reading(number) for number in range(1000)]
    # on a machine so slow that the batch takes longer than the limit, the batch comes again, and its letter with it
    assert {letter.value for letter in await pipeline.dead_letters()} == {b"{"}


async def test_a_stop_during_an_outage_is_prompt_and_commits_nothing(pipeline: Pipeline) -> None:
    async with running(pipeline.settings) as sinks:
        await pipeline.send(READINGS, [reading_message(0)])
        await until(committed(pipeline, "history", 1))
        with closing(sqlite3.connect(pipeline.history_file)) as other:
            other.execute("BEGIN IMMEDIATE")
            await pipeline.send(READINGS, [reading_message(number) for number in range(1, 50)])

            async def failing() -> bool:
                return sinks.history.problem is not None

            await until(failing)
            sinks.stop.set()
            assert await pipeline.committed("history") == 1
    async with running(pipeline.settings):
        await until(committed(pipeline, "history", 50))
    assert await pipeline.readings() == [reading(number) for number in range(50)]


async def test_a_group_of_two_writes_everything_once_whoever_comes_and_goes(
    pipeline: Pipeline, assignments: list[str]
) -> None:
    settings = pipeline.settings.model_copy(update={"member_id": "", "batch_records": 10, "session_seconds": 6.0})
    sensors = [f"7c:c6:b6:00:00:{number:02x}" for number in range(16)]

    async def send(minutes: range) -> None:
        await pipeline.send(READINGS, [reading_message(m, sensor=s) for m in minutes for s in sensors])

    def assigned(times: int) -> Callable[[], Any]:
        async def so_often() -> bool:
            return assignments.count("history") == times

        return so_often

    # Rebalances find no commit on its way: a member whose commit is refused joins anew, and this broker, unlike
    # Kafka, never forgets who it was before.
    async with running(settings):
        await send(range(20))
        await until(committed(pipeline, "history", 20 * 16))
        async with running(settings):
            await until(assigned(3))  # one alone, then both
            await send(range(20, 40))
            await until(committed(pipeline, "history", 40 * 16))
        await until(assigned(4))
        await send(range(40, 60))
        await until(committed(pipeline, "history", 60 * 16))
    for sensor in sensors:
        assert await pipeline.readings(sensor) == [reading(number, sensor=sensor) for number in range(60)]


class Busy:
    """A history that asks to be left alone twice, the first time for longer than any pause of ours."""

    def __init__(self) -> None:
        self.waits = [45.0, 0.0]
        self.written: list[Reading] = []

    async def write(self, readings: Sequence[Reading]) -> None:
        if self.waits:
            raise StoreUnavailable("busy", retry_after=self.waits.pop(0))
        self.written += readings

    async def write_aggregates(self, aggregates: object) -> None:
        """Not asked for."""

    async def write_deliveries(self, deliveries: object) -> None:
        """Not asked for."""

    async def prune(self, now: int, *, most: int = 1000) -> int:
        return 0

    async def check(self, *, aggregates: bool) -> None:
        """It is there."""

    async def close(self) -> None:
        """Nothing is open."""


async def test_a_store_that_asks_to_be_left_alone_is(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def noted(member: consumer.Member, seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(consumer.Member, "stay", noted)
    busy, stop = Busy(), asyncio.Event()
    await pipeline.send(READINGS, [reading_message(0)])
    async with asyncio.TaskGroup() as group:
        group.create_task(Sink(HistoryTarget(busy), pipeline.settings).run(stop))
        await until(committed(pipeline, "history", 1))
        stop.set()
    assert busy.written == [reading(0)]
    assert pauses[0] == 45
    assert pauses[1] < 1


async def test_upkeep_that_fails_is_said_and_holds_nothing_up(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def missing(self: Busy, *, aggregates: bool) -> None:
        raise StoreUnavailable("no bucket")

    monkeypatch.setattr(Busy, "check", missing)
    busy, stop = Busy(), asyncio.Event()
    busy.waits.clear()
    sink = Sink(HistoryTarget(busy), pipeline.settings)
    async with asyncio.TaskGroup() as group:
        group.create_task(sink.run(stop))
        for number in range(3):
            await pipeline.send(READINGS, [reading_message(number)])
            await until(committed(pipeline, "history", number + 1))
            assert sink.problem is not None
            assert sink.problem.endswith("upkeep of the store: no bucket")
        stop.set()
    assert busy.written == [reading(number) for number in range(3)]


async def test_a_sink_is_not_ready_before_it_has_looked_at_its_store(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answers = asyncio.Event(), asyncio.Event()

    async def slow(self: Busy, *, aggregates: bool) -> None:
        asked.set()
        await answers.wait()

    monkeypatch.setattr(Busy, "check", slow)
    stop = asyncio.Event()
    sink = Sink(HistoryTarget(Busy()), pipeline.settings)
    async with asyncio.TaskGroup() as group:
        group.create_task(sink.run(stop))
        await until_async(asked.is_set, 20, "the look")
        assert sink.problem == "history: upkeep of the store: not looked yet whether it is there"
        answers.set()
        await until_async(lambda: sink.problem is None, 20, "ready")
        stop.set()


class OwnBroker:
    """A broker of one test's own, which can be killed and put back to what it was before."""

    def __init__(self, port: int, folder: Path) -> None:
        self.address = f"127.0.0.1:{port}"
        self.saved = folder.with_name("saved")
        self._port, self._folder = port, folder
        self._child: Any = None

    def start(self) -> None:
        self._folder.mkdir(exist_ok=True)
        self._child = spawn(kafka_command(self._port, self._folder), stdout=DEVNULL, stderr=DEVNULL)
        wait_until_accepts(self.address)

    def kill(self) -> None:
        self._child.kill()
        self._child.wait()

    async def written_since(self, moment: float) -> bool:
        return any(file.stat().st_mtime > moment for file in self._folder.rglob("*") if file.is_file())

    def save(self) -> None:
        shutil.copytree(self._folder, self.saved)

    def lose_what_came_after_saving(self) -> None:
        shutil.rmtree(self._folder)
        shutil.copytree(self.saved, self._folder)


@pytest.fixture
def own_broker(free_port: Callable[[], int], tmp_path: Path) -> Iterator[OwnBroker]:
    broker = OwnBroker(free_port(), tmp_path / "kafka")
    broker.start()
    yield broker
    broker.kill()


async def test_a_broker_that_comes_back_without_its_tail(
    own_broker: OwnBroker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It hands the lost offsets out again, to other records. The archive holds the ones and the others."""
    settings = SinkSettings(broker=own_broker.address, data=tmp_path / "data", member_id="test")
    pipeline = Pipeline(settings)
    await ensure_topics(own_broker.address, TOPICS, settings.topic_prefix, embedded=True)
    caplog.set_level(logging.INFO, "bluflow.sinks")
    async with running(settings) as sinks:
        await pipeline.send(RAW_FRAMES, [frame_message(number) for number in range(50)])
        await until(committed(pipeline, "archive", 50))
        moment = time.time()
        await pipeline.send(RAW_FRAMES, [frame_message(50)])
        await until(partial(own_broker.written_since, moment))
        own_broker.save()
        await pipeline.send(RAW_FRAMES, [frame_message(number) for number in range(51, 60)])
        await until(committed(pipeline, "archive", 60))
        own_broker.kill()
        own_broker.lose_what_came_after_saving()

        async def away() -> bool:
            return bool(sinks.archive.problem and sinks.history.problem)

        await until(away)
        assert "archive: Kafka at " in str(sinks.archive.problem)
        own_broker.start()
        await pipeline.send(RAW_FRAMES, [frame_message(number) for number in range(60, 130)])
        await pipeline.send(READINGS, [reading_message(0)])

        async def all_there() -> bool:
            return len(await pipeline.archived()) == 130 and await pipeline.readings(SENSOR) == [reading(0)]

        await until(all_there)
        assert sinks.archive.problem is None
    assert [one.value for one in await pipeline.archived()] == [frame_message(number).value for number in range(130)]
    with closing(sqlite3.connect(pipeline.archive_file)) as archive:
        [offsets] = archive.execute("SELECT count(DISTINCT raw_offset) FROM record").fetchone()
    assert offsets < 130  # it did hand some out again
    said = [record.message for record in caplog.records if "archive: Kafka" in record.message]
    assert len(said) == 2
    assert "is away" in said[0]
    assert "is back" in said[1]


@pytest.mark.parametrize(("overlap", "again"), [(0, []), (5, range(15, 20)), (100, range(20))])
async def test_the_overlap_is_read_again(pipeline: Pipeline, overlap: int, again: Sequence[int]) -> None:
    settings = pipeline.settings.model_copy(update={"overlap_records": overlap})
    await pipeline.send(RAW_FRAMES, [frame_message(number) for number in range(20)])
    async with running(settings):
        await until(committed(pipeline, "archive", 20))
    for file in settings.data.iterdir():
        file.unlink()
    async with running(settings):
        await pipeline.send(RAW_FRAMES, [frame_message(20)])
        await until(committed(pipeline, "archive", 21))
    assert [one.value for one in await pipeline.archived()] == [frame_message(n).value for n in [*again, 20]]
