"""`python -m streams.sinks` from the outside: rows, offsets, dead letters, kills, its page and its exit codes."""

import asyncio
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from schemas.dead_letter import dead_letter_facts
from schemas.frame import tick_headers
from schemas.topics import RAW_FRAMES, READINGS
from tests.contract.engines import START, reading
from tests.streams.sinks.conftest import Message, Pipeline, frame_message, reading_message, until

OTHER = "f8:44:77:3a:0e:4b"


async def test_readings_and_frames_come_in_and_are_committed(pipeline: Pipeline, start: Callable[..., Any]) -> None:
    start()
    readings = [reading(number) for number in range(300)]
    ticks = [Message(None, b"", tick_headers(START + 1000), partition) for partition in range(4)]
    put_back = Message(b"k", b"x", [*frame_message(0).headers, ("archived", b"1")])
    await pipeline.send(READINGS, [reading_message(number) for number in range(300)])
    await pipeline.send(READINGS, [reading_message(0, sensor=OTHER)])
    await pipeline.send(RAW_FRAMES, [*map(frame_message, range(20)), *ticks, put_back])

    async def committed() -> bool:
        return (await pipeline.committed("history"), await pipeline.committed("archive")) == (301, 25)

    await until(committed)
    assert await pipeline.readings() == readings
    assert await pipeline.readings(OTHER) == [reading(0, sensor=OTHER)]
    archived = await pipeline.archived()
    assert [(one.key, one.value, one.headers) for one in archived[:20]] == [
        (frame_message(n).key, frame_message(n).value, frame_message(n).headers) for n in range(20)
    ]
    assert [(one.partition, one.value, one.headers) for one in archived[20:]] == [
        (partition, b"", tick_headers(START + 1000)) for partition in range(4)
    ]
    assert await pipeline.dead_letters() == []


async def test_sinks_of_another_group_feed_a_second_store_with_the_same(
    pipeline: Pipeline, start: Callable[..., Any], tmp_path: Path, free_port: Callable[[], int]
) -> None:
    await pipeline.send(READINGS, [reading_message(number) for number in range(20)])
    start()
    second = Pipeline(pipeline.settings.model_copy(update={"data": tmp_path / "second", "port": free_port()}))
    start(SINKS_GROUP="b", BLUFLOW_DATA=str(second.settings.data), SINKS_PORT=str(second.settings.port))

    async def both() -> bool:
        return await pipeline.committed("history") == await pipeline.committed("history-b") == 20

    await until(both)
    assert await second.readings() == await pipeline.readings() == [reading(number) for number in range(20)]


COUNT = 12_000  # so many that a kill, a quarter through, meets work


async def test_a_single_reading_is_stored_without_waiting_for_others(
    pipeline: Pipeline, start: Callable[..., Any]
) -> None:
    start()
    await until(pipeline.ready)
    for number in range(3):
        await pipeline.send(READINGS, [reading_message(number)])

        async def stored(count: int = number + 1) -> bool:
            return len(await pipeline.readings()) == count

        await until(stored)


async def test_after_a_kill_every_reading_is_there_once(pipeline: Pipeline, start: Callable[..., Any]) -> None:
    """Killed again and again in the middle of the work, with small batches so that there is a middle."""
    await pipeline.send(READINGS, [reading_message(number) for number in range(COUNT)])
    await pipeline.send(RAW_FRAMES, [frame_message(number) for number in range(COUNT)])
    for wanted in (1, COUNT // 4):
        child = start(SINKS_BATCH_RECORDS="5")

        async def some(count: int = wanted) -> bool:
            return len(await pipeline.readings()) >= count

        await until(some)
        child.kill()
        child.wait()
        assert len(await pipeline.readings()) < COUNT
    start()

    async def committed() -> bool:
        return (await pipeline.committed("history"), await pipeline.committed("archive")) == (COUNT, COUNT)

    await until(committed)
    assert await pipeline.readings() == [reading(number) for number in range(COUNT)]
    assert [one.value for one in await pipeline.archived()] == [frame_message(number).value for number in range(COUNT)]


async def test_sigterm_leaves_nothing_written_and_uncommitted(pipeline: Pipeline, start: Callable[..., Any]) -> None:
    await pipeline.send(READINGS, [reading_message(number) for number in range(5000)])
    child = start(SINKS_BATCH_RECORDS="50")

    async def some() -> bool:
        return len(await pipeline.readings()) >= 500

    await until(some)
    child.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(child.wait, 10) == 0
    stored = len(await pipeline.readings())
    assert 500 <= stored < 5000
    assert await pipeline.committed("history") == stored


async def test_poison_becomes_a_dead_letter_with_its_bytes(pipeline: Pipeline, start: Callable[..., Any]) -> None:
    poison = [b"\xff\x00not json", b'{"sensor":1}', b'{"values":' + b"[" * 20_000, None]
    sent = [Message(b"key-%d" % i, value, [("h", b"\x01")]) for i, value in enumerate(poison)]
    await pipeline.send(READINGS, [reading_message(0), *sent, reading_message(1)])
    start()

    async def committed() -> bool:
        return await pipeline.committed("history") == 6

    await until(committed)
    letters = {letter.key: letter for letter in await pipeline.dead_letters()}
    assert {key: letter.value for key, letter in letters.items()} == {m.key: m.value for m in sent}
    for letter in letters.values():
        facts = dead_letter_facts(letter.headers)
        assert (facts["stage"], facts["reason"]) == ("history", "undecodable")
        assert facts["origin"].startswith(pipeline.name(READINGS) + ":")
        assert ("h", b"\x01") in letter.headers
    assert await pipeline.readings() == [reading(0), reading(1)]
    metrics = (await pipeline.page("/metrics"))[1]
    assert 'bluflow_sink_dead_letters_total{reason="undecodable",sink="history"} 4.0' in metrics
    assert 'bluflow_sink_records_written_total{sink="history"} 2.0' in metrics


async def test_a_record_with_neither_key_nor_value_is_a_dead_letter(
    pipeline: Pipeline, start: Callable[..., Any]
) -> None:
    """Our client refuses to send one; others do not."""
    async with AIOKafkaProducer(bootstrap_servers=pipeline.settings.broker) as producer:
        batch = producer.create_batch()
        batch.append(key=None, value=None, timestamp=None)
        await (await producer.send_batch(batch, pipeline.name(READINGS), partition=0))
    await pipeline.send(READINGS, [reading_message(0)._replace(partition=0)])
    start()

    async def committed() -> bool:
        return await pipeline.committed("history") == 2

    await until(committed)
    [letter] = await pipeline.dead_letters()
    assert (letter.key, letter.value) == (None, b"")
    assert dead_letter_facts(letter.headers)["reason"] == "undecodable"
    assert await pipeline.readings() == [reading(0)]


async def test_only_the_rejected_reading_of_a_batch_is_dead(pipeline: Pipeline, start: Callable[..., Any]) -> None:
    """No store holds a time beyond 64 bits; the hundreds around it are stored."""
    bad = reading_message(77)._replace(key=b"bad")
    beyond = (bad.value or b"").replace(b"%d" % (START + 77 * 60_000), b"9" * 30, 1)
    assert b"9" * 30 in beyond
    good = [number for number in range(500) if number != 77]
    messages = [reading_message(number) for number in good]
    messages.insert(77, bad._replace(value=beyond, partition=0))
    await pipeline.send(READINGS, messages)
    start()

    async def committed() -> bool:
        return await pipeline.committed("history") == 500

    await until(committed)
    [letter] = await pipeline.dead_letters()
    assert letter.value == beyond
    facts = dead_letter_facts(letter.headers)
    assert (facts["stage"], facts["reason"]) == ("history", "rejected")
    assert "OverflowError" in facts["detail"]
    assert await pipeline.readings() == [reading(number) for number in good]


async def test_without_a_broker_it_lives_says_so_and_stops_when_told(
    pipeline: Pipeline, start: Callable[..., Any], free_port: Callable[[], int], tmp_path: Path
) -> None:
    child = start(BROKER=f"127.0.0.1:{free_port()}")

    async def says_why() -> bool:
        status, text = await pipeline.page("/health/ready")
        return status == 503 and all(f"{sink}: Kafka at" in text for sink in ("history", "aggregates", "archive"))

    await until(says_why)
    assert (await pipeline.page("/health/live"))[0] == 200
    assert 'bluflow_sink_failing{sink="archive"} 1.0' in (await pipeline.page("/metrics"))[1]
    child.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(child.wait, 5) == 0
    log = (tmp_path / "sinks.log").read_text().splitlines()
    assert len(log) == 5  # once for each sink and for the registry, however often it was tried


async def test_what_cannot_be_used_is_one_line_and_exit_2(
    pipeline: Pipeline, start: Callable[..., Any], tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    sensors = tmp_path / "sensors.yaml"
    sensors.write_text("sensor: {}")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        expected = {
            "health page on 127.0.0.1": {"SINKS_PORT": str(taken.getsockname()[1])},
            "batch_records": {"SINKS_BATCH_RECORDS": "0"},
            "data folder": {"BLUFLOW_DATA": str(blocked)},
            "influxdb_url": {"HISTORY": "influxdb", "INFLUXDB_URL": "influxdb:8086"},
            "INFLUXDB_TOKEN_FILE": {"HISTORY": "influxdb", "INFLUXDB_TOKEN_FILE": str(tmp_path / "none")},
            "sensors.yaml:1": {"BLUFLOW_SENSORS_FILE": str(sensors)},
        }
        children = [start(**environment) for environment in expected.values()]
        assert [await asyncio.to_thread(child.wait, 20) for child in children] == [2] * len(expected)
    lines = (tmp_path / "sinks.log").read_text().splitlines()
    assert len(lines) == len(expected)
    assert all(line.startswith("bluflow: ") for line in lines)
    assert all(any(words in line for line in lines) for words in expected)
