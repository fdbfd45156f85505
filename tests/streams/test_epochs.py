"""A log that hands its offsets out again: it is known by the last record read, also when it has grown past it."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from faust.types import TP

from cli.child import spawn
from runtime.kafka import ensure_topics
from schemas.codec import decode_reading
from schemas.topics import RAW_FRAMES, READINGS, STREAMS_APP
from streams.engine.tails import Mark, lost_tails, mark_after
from tests.streams.engine.conftest import read_all, until
from tests.streams.engine.test_stock_faust import committed
from tests.streams.test_worker_kills import T0, frame

PARTITION = 1
MAC = "7c:c6:b6:00:00:01"


def heard(packet: int) -> list[object]:
    return [MAC, -60, 0, f"4400{packet:02x}01642e{packet:02x}45df00"]


class RawLog:
    """One partition of raw-frames, which can be lost and filled again."""

    def __init__(self, broker: str, prefix: str) -> None:
        self.broker, self.prefix, self.topic = broker, prefix, RAW_FRAMES.full_name(prefix)
        self.place = TP(self.topic, PARTITION)

    async def write(self, *packets: int, written_at: int | None = None) -> None:
        """A frame for each packet, a minute apart by their own times; `written_at` for the record's, unix ms."""
        async with AIOKafkaProducer(bootstrap_servers=self.broker) as producer:
            for packet in packets:
                key, sent = frame(1, T0 + packet * 60_000, [heard(packet)])
                await producer.send_and_wait(
                    *(self.topic, sent.payload),
                    key=key,
                    partition=PARTITION,
                    headers=sent.headers(),
                    timestamp_ms=written_at,
                )

    async def lose(self) -> None:
        """All of it: what is written next gets the same offsets again."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.broker)
        await admin.start()
        await admin.delete_topics([self.topic])
        await admin.close()
        await ensure_topics(self.broker, [RAW_FRAMES], self.prefix, embedded=True)

    async def committed(self) -> int:
        return await committed(self.broker, self.prefix + STREAMS_APP, self.topic, PARTITION)

    async def mark(self, offset: int) -> Mark:
        """After the record there."""
        records = (await read_all(self.broker, self.topic))[PARTITION]
        return mark_after(records[offset])

    async def found(self, mark: Mark) -> dict[TP, int]:
        return await lost_tails([self.broker], {self.place: mark})


@pytest.fixture
async def log(kafka: str, topics: str) -> RawLog:
    return RawLog(kafka, topics)


async def test_a_log_that_holds_what_was_read_has_lost_nothing(log: RawLog) -> None:
    await log.write(*range(5))
    mark = await log.mark(2)
    assert (mark.next_offset, mark.crc > 0, mark.written_at > T0) == (3, True, True)
    assert await log.found(mark) == {}
    assert await log.found(await log.mark(4)) == {}
    assert await log.found(Mark()) == {}, "nothing was read yet"


async def test_another_record_in_its_place_is_a_lost_tail(log: RawLog) -> None:
    await log.write(*range(5))
    mark = await log.mark(4)
    await log.lose()
    await log.write(0, 1, 2, written_at=mark.written_at - 3_600_000)
    await log.write(*range(10, 20), written_at=mark.written_at + 5_000)
    assert await log.found(mark) == {log.place: 3}, "it goes on where the new tail begins"


async def test_a_log_that_ends_before_goes_on_where_its_new_tail_begins(log: RawLog) -> None:
    await log.write(*range(5))
    mark = await log.mark(4)
    await log.lose()
    await log.write(0, 1, written_at=mark.written_at - 3_600_000)
    assert await log.found(mark) == {log.place: 2}, "nothing new yet: its end"
    await log.write(10, written_at=mark.written_at + 5_000)
    assert await log.found(mark) == {log.place: 2}
    assert await log.found(Mark(5)) == {log.place: 3}, "nobody knows when it was written: its end"


async def test_what_retention_took_away_is_not_lost(log: RawLog) -> None:
    await log.write(*range(5))
    mark = await log.mark(1)
    admin = AIOKafkaAdminClient(bootstrap_servers=log.broker)
    await admin.start()
    await admin.delete_records({TopicPartition(log.topic, PARTITION): RecordsToDelete(before_offset=3)})
    await admin.close()
    async with AIOKafkaConsumer(bootstrap_servers=log.broker) as consumer:
        place = TopicPartition(log.topic, PARTITION)
        assert await consumer.beginning_offsets([place]) == {place: 3}
    assert await log.found(mark) == {}


@pytest.fixture
def start(log: RawLog, tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Callable[[], Any]]:
    children = []

    def begin() -> Any:
        settings = {
            "BROKER": log.broker,
            "BLUFLOW_TOPIC_PREFIX": log.prefix,
            "BLUFLOW_DATA": str(tmp_path),
            "STREAMS_PORT": str(free_port()),
            "STREAMS_COMMIT_SECONDS": "0.2",
            "STREAMS_MEMBER_ID": "worker-0",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        with (tmp_path / "worker.log").open("ab") as file:
            command = [sys.executable, "-m", "streams", "worker"]
            child = spawn(command, env={**os.environ, **settings}, stdout=file, stderr=file)
        children.append(child)
        return child

    yield begin
    for child in children:
        child.kill()
        child.wait()


async def readings(log: RawLog) -> dict[int, int]:
    """Packet -> the newest epoch in which it became a reading."""
    found: dict[int, int] = {}
    for records in await read_all(log.broker, READINGS.full_name(log.prefix)):
        for record in records:
            one = decode_reading(record.value)  # type: ignore[attr-defined]
            found[one.packet_id or 0] = max(one.at.epoch, found.get(one.packet_id or 0, 0))
    return found


async def until_committed(log: RawLog, offset: int) -> None:
    async def reached() -> bool:
        return await log.committed() == offset

    await until(reached)


async def test_frames_written_over_a_lost_tail_while_the_worker_was_away_are_read(
    log: RawLog, start: Callable[[], Any], tmp_path: Path
) -> None:
    """The log is longer than before when the worker comes back: its offsets alone would say that all is well."""
    worker = start()
    await log.write(*range(10))

    async def all_read() -> bool:
        return len(await readings(log)) == 10

    await until(all_read)
    await until_committed(log, 10)
    worker.kill()
    worker.wait()
    await log.lose()
    await log.write(*range(30, 45))
    start()

    async def new_ones_read() -> bool:
        return set(await readings(log)) == {*range(10), *range(30, 45)}

    await until(new_ones_read, 60)
    epochs = await readings(log)
    assert {epochs[packet] for packet in range(10)} == {0}
    assert {epochs[packet] for packet in range(30, 45)} == {1}
    assert "begin epoch 1 at 0" in (tmp_path / "worker.log").read_text()


async def test_a_running_worker_ends_when_its_log_lost_its_tail(
    log: RawLog, start: Callable[[], Any], tmp_path: Path
) -> None:
    worker = start()
    await log.write(*range(10))

    async def all_read() -> bool:
        return len(await readings(log)) == 10

    await until(all_read)
    await until_committed(log, 10)
    worker.send_signal(signal.SIGSTOP)  # or it asks for the topic while it is away, and so makes it
    await log.lose()
    await log.write(*range(30, 35))
    worker.send_signal(signal.SIGCONT)
    await until(lambda: worker.poll() is not None, 60)
    assert worker.returncode == 70
    assert "lost its tail" in (tmp_path / "worker.log").read_text()
    start()

    async def new_ones_read() -> bool:
        return set(await readings(log)) == {*range(10), *range(30, 35)}

    await until(new_ones_read, 60)
