"""The registry's topic: read, followed without a restart, changed by several at once, and its copy."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from msgspec.structs import replace

from runtime import registry_change
from runtime.kafka import ensure_topics
from runtime.registry import SensorRegistry, Told, read_told
from runtime.registry_change import Change, Edit, change_registry
from runtime.registry_copy import COPY, keep_copy, read_copy, restore_copy
from runtime.sensors_file import SensorsFile
from runtime.snapshot import NoSuchTopic
from schemas.registry import Entry, Limit, Offset, Placement
from schemas.topics import SENSORS
from tests.polling import until_async

FRIDGE, ATTIC = "7c:c6:b6:bd:4c:b5", "11:22:33:44:55:66"
WHOLE = Entry(
    FRIDGE, "Fridge", (Placement(5, "K", "1"),), 9000, {"temperature": Limit(2, None)}, {"humidity": (Offset(0, -2.5),)}
)


@pytest.fixture
def topic(topics: str) -> str:
    return SENSORS.full_name(topics)


@pytest.fixture
def file(tmp_path: Path) -> SensorsFile:
    """Knows the attic, and the fridge by another name."""
    path = tmp_path / "sensors.yaml"
    path.write_text(f"sensors:\n  {ATTIC}: {{name: Attic}}\n  {FRIDGE}: {{name: Old}}\n")
    return SensorsFile(path, required=True)


@asynccontextmanager
async def following(registry: SensorRegistry) -> AsyncIterator[None]:
    task = asyncio.create_task(registry.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def saying(*entries: Entry) -> Edit:
    return lambda told: {entry.sensor: entry for entry in entries}


async def test_what_the_topic_says_counts_more_than_the_file(kafka: str, topic: str, file: SensorsFile) -> None:
    await change_registry(kafka, topic, saying(WHOLE), 7)
    registry = SensorRegistry(file, kafka, topic)
    assert registry.registry.entry(FRIDGE).name == "Old"
    await registry.until_loaded()
    assert registry.problem is None
    assert registry.registry.entries == {ATTIC: Entry(ATTIC, "Attic"), FRIDGE: replace(WHOLE, revision=1, changed_at=7)}


def test_it_is_loaded_in_one_event_loop_and_followed_in_another(
    kafka: str, topic_prefix: str, file: SensorsFile, caplog: pytest.LogCaptureFixture
) -> None:
    """As in the worker: Faust's begins when the registry was read."""
    topic = SENSORS.full_name(topic_prefix)
    registry = SensorRegistry(file, kafka, topic)

    async def before() -> None:
        await ensure_topics(kafka, [SENSORS], topic_prefix, embedded=True)
        looked = asyncio.create_task(registry.run())
        await change_registry(kafka, topic, saying(WHOLE), 7)
        await until_async(lambda: FRIDGE in registry.told, 15, "the first")
        looked.cancel()
        await asyncio.wait([looked])

    async def after() -> None:
        async with following(registry):
            await change_registry(kafka, topic, saying(Entry(ATTIC, "Loft")), 8)
            await until_async(lambda: ATTIC in registry.told, 15, "the second")

    asyncio.run(before())
    asyncio.run(after())
    assert "reading failed" not in caplog.text


async def test_a_change_is_there_without_a_restart_and_the_file_s_too(
    kafka: str, topic: str, file: SensorsFile
) -> None:
    registry, told = SensorRegistry(file, kafka, topic), list[Told]()
    registry.on_told = told.append
    async with following(registry):
        await until_async(registry.loaded.is_set, 15, "the registry was read")
        before = registry.registry
        assert (registry.current() is before, told) == (True, [])
        await change_registry(kafka, topic, saying(Entry(FRIDGE, "Fridge")), 7)
        await until_async(lambda: registry.registry.entry(FRIDGE).name == "Fridge", 15, "the change")
        await change_registry(kafka, topic, lambda told: {FRIDGE: None}, 8)
        await until_async(lambda: registry.registry.entry(FRIDGE).name == "Old", 15, "the forgotten one")
        assert [[*each] for each in told] == [[FRIDGE], []]
        file.path.write_text(f"sensors:\n  {ATTIC}: {{name: Roof}}\n")
        assert registry.current().entry(ATTIC).name == "Roof"
        held = registry.current()
        file.path.write_text("sensors: 8")
        assert registry.current() is held


async def test_a_topic_that_is_not_there_is_named_and_waited_for(
    kafka: str, topic_prefix: str, file: SensorsFile
) -> None:
    registry = SensorRegistry(file, kafka, SENSORS.full_name(topic_prefix))
    async with following(registry):
        await until_async(lambda: "bluflow topics --create" in (registry.problem or ""), 15, "the line")
        assert not registry.loaded.is_set()
        await ensure_topics(kafka, [SENSORS], topic_prefix, embedded=True)
        await until_async(registry.loaded.is_set, 30, "the topic")
    with pytest.raises(NoSuchTopic):
        await read_told(kafka, "nobody.sensors.v1")


async def test_a_broker_that_is_away_is_named(file: SensorsFile) -> None:
    registry = SensorRegistry(file, "127.0.0.1:1", "t")
    async with following(registry):
        await until_async(lambda: "no Kafka broker answers" in (registry.problem or ""), 15, "the line")
    assert registry.registry.entry(ATTIC).name == "Attic"


async def test_a_topic_that_lost_its_end_is_read_anew(kafka: str, topics: str, topic: str, file: SensorsFile) -> None:
    registry = SensorRegistry(file, kafka, topic)
    async with following(registry):
        await change_registry(kafka, topic, saying(Entry(FRIDGE, "A"), Entry(ATTIC, "A")), 7)
        await until_async(lambda: len(registry.told) == 2, 15, "two entries")
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        await admin.delete_topics([topic])
        await admin.close()
        await ensure_topics(kafka, [SENSORS], topics, embedded=True)
        await change_registry(kafka, topic, saying(Entry(FRIDGE, "B")), 8)
        await until_async(lambda: [*registry.told.values()] == [Entry(FRIDGE, "B", revision=1, changed_at=8)], 30, "B")


async def test_what_cannot_be_read_is_skipped(
    kafka: str, topic: str, file: SensorsFile, caplog: pytest.LogCaptureFixture
) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for key, value in ((b"k", b"no json"), (b"k", b'{"sensor":"other"}'), (b"\xff", b"{}")):
            await producer.send_and_wait(topic, value, key)
    await change_registry(kafka, topic, saying(WHOLE), 7)
    assert [*await read_told(kafka, topic)] == [FRIDGE]
    assert caplog.text.count("registry: skipping") >= 3


async def test_a_change_says_what_was_and_writes_nothing_twice(kafka: str, topic: str) -> None:
    first = await change_registry(kafka, topic, saying(WHOLE), 7)
    held = replace(WHOLE, revision=1, changed_at=7)
    assert first == {FRIDGE: Change(None, held)}
    assert await change_registry(kafka, topic, saying(WHOLE), 8) == {}
    named = replace(held, name="Ice")
    assert await change_registry(kafka, topic, lambda told: {FRIDGE: replace(told[FRIDGE], name="Ice")}, 9) == {
        FRIDGE: Change(held, replace(named, revision=2, changed_at=9))
    }
    assert await change_registry(kafka, topic, lambda told: {FRIDGE: None, ATTIC: None}, 10) == {
        FRIDGE: Change(replace(named, revision=2, changed_at=9), None)
    }
    assert await read_told(kafka, topic) == {}


async def test_of_changes_at_the_same_time_none_is_lost(
    kafka: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writes between our reading and our writing, twice."""
    await change_registry(kafka, topic, saying(Entry(FRIDGE, "Fridge"), Entry(ATTIC)), 1)
    write = registry_change._write
    others: list[dict[str, Any]] = [{"interval_ms": 5000}, {"placements": (Placement(0, "Hall"),)}]

    async def late(*arguments: Any) -> dict[bytes, int]:
        if others:
            other = others.pop()
            monkeypatch.setattr(registry_change, "_write", write)
            await change_registry(kafka, topic, lambda told: {FRIDGE: replace(told[FRIDGE], **other)}, 2)
            monkeypatch.setattr(registry_change, "_write", late)
        return await write(*arguments)

    monkeypatch.setattr(registry_change, "_write", late)
    mine = await change_registry(kafka, topic, lambda told: {FRIDGE: replace(told[FRIDGE], name="Ice")}, 3)
    held = (await read_told(kafka, topic))[FRIDGE]
    assert (held.name, held.interval_ms, held.placements) == ("Ice", 5000, (Placement(0, "Hall"),))
    assert mine[FRIDGE].after == held


async def test_the_copy_brings_back_what_the_topic_lost(kafka: str, topic: str, tmp_path: Path) -> None:
    kept = {FRIDGE: replace(WHOLE, revision=3, changed_at=7), ATTIC: Entry(ATTIC, revision=1)}
    keep_copy(tmp_path)(kept)
    assert read_copy(tmp_path) == kept
    await change_registry(kafka, topic, saying(Entry(FRIDGE, "older"), Entry(ATTIC, "newer")), 1)
    await change_registry(kafka, topic, saying(Entry(ATTIC, "newest")), 2)
    assert await restore_copy(tmp_path, kafka, topic, 9) == 1
    told = await read_told(kafka, topic)
    assert (told[FRIDGE].name, told[FRIDGE].offsets, told[ATTIC].name) == ("Fridge", WHOLE.offsets, "newest")


async def test_a_copy_that_is_not_there_or_damaged_is_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert (read_copy(tmp_path), await restore_copy(tmp_path, "127.0.0.1:1", "t", 9)) == ({}, 0)
    (tmp_path / COPY).write_text("[{]")
    assert read_copy(tmp_path) == {}
    keep_copy(tmp_path / "none")({})
    assert caplog.text.count(COPY) == 2
