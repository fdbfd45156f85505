"""After a reboot the archive gives its newest day back."""

import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from cli.restore import restore
from history.archive import Archive, Placed, RawRecord
from schemas.aggregate import DAY, window_start
from schemas.frame import Frame, tick_headers
from schemas.topics import RAW_FRAMES

WEEK_AGO = window_start(round(time.time() * 1000), DAY) - 7 * 86_400_000  # how long the machine was off


@pytest.mark.parametrize(
    ("minutes", "most"),
    [
        ((-1, 600), 1000),  # nothing of the day before
        ((-31, 10), 1000),  # half an hour at least, also just after midnight
        ((1, 600), 2),  # too much of a day: the last half hour
    ],
)
async def test_the_newest_day_comes_back_to_its_partitions_marked(
    tmp_path: Path, kafka: str, topics: str, minutes: tuple[int, int], most: int
) -> None:
    old, new = (WEEK_AGO + minute * 60_000 for minute in minutes)
    archive = Archive(tmp_path / "archive.sqlite")

    def frame(at: int) -> RawRecord:
        return RawRecord(2, b"gateway", b"bytes %d" % at, Frame("gateway/events/rpc", b"", at).headers())

    tick = RawRecord(3, None, b"", tick_headers(new))
    await archive.write([Placed(7, old, frame(old)), Placed(8, new, frame(new)), Placed(9, new, tick)])
    await archive.close()

    assert await restore(tmp_path / "archive.sqlite", kafka, topics, most=most) == 2

    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(RAW_FRAMES.full_name(topics), number) for number in range(4)])
        records = [await consumer.getone() for _ in range(2)]
        ends = await consumer.end_offsets(consumer.assignment())
    finally:
        await consumer.stop()
    assert sum(ends.values()) == 2
    found = {record.partition: (record.key, record.value, list(record.headers)) for record in records}
    archived = ("archived", b"1")
    assert found[2] == (b"gateway", b"bytes %d" % new, [*frame(new).headers, archived])
    assert found[3] == (None, b"", [*tick.headers, archived])


async def test_what_came_since_midnight_comes_back_too(tmp_path: Path, kafka: str, topics: str) -> None:
    archive = Archive(tmp_path / "archive.sqlite")
    frames = [WEEK_AGO + minute * 60_000 for minute in (0, 300, 600)]
    records = [RawRecord(1, b"gateway", b"x", Frame("gateway/events/rpc", b"", at).headers()) for at in frames]
    await archive.write([Placed(at, at, record) for at, record in zip(frames, records, strict=True)])
    await archive.close()
    assert await restore(tmp_path / "archive.sqlite", kafka, topics) == 3


async def test_without_an_archive_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert await restore(tmp_path / "archive.sqlite", "127.0.0.1:1", "x.") == 0
    assert not (tmp_path / "archive.sqlite").exists()
