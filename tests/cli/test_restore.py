"""After a reboot the archive gives the last half hour back."""

import time
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from cli.restore import restore
from history.archive import Archive, Placed, RawRecord
from schemas.frame import Frame, tick_headers
from schemas.topics import RAW_FRAMES


async def test_the_last_half_hour_comes_back_to_its_partitions_marked(tmp_path: Path, kafka: str, topics: str) -> None:
    now = round(time.time() * 1000) - 7 * 86_400_000  # the machine was off for a week
    old, new = now - 40 * 60_000, now - 60_000
    archive = Archive(tmp_path / "archive.sqlite")

    def frame(at: int) -> RawRecord:
        return RawRecord(2, b"gateway", b"bytes %d" % at, Frame("gateway/events/rpc", b"", at).headers())

    tick = RawRecord(3, None, b"", tick_headers(new))
    await archive.write([Placed(7, old, frame(old)), Placed(8, new, frame(new)), Placed(9, new, tick)])
    await archive.close()

    assert await restore(tmp_path / "archive.sqlite", kafka, topics) == 2

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


async def test_without_an_archive_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert await restore(tmp_path / "archive.sqlite", "127.0.0.1:1", "x.") == 0
    assert not (tmp_path / "archive.sqlite").exists()
