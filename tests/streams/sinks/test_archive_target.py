"""What goes into the archive, under which time, and when it goes out again."""

import time
from pathlib import Path
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from history.archive import Archive
from schemas.topics import DAY
from streams.sinks import archive as module
from streams.sinks.archive import ArchiveTarget

NOW = int(time.time() * 1000)


def record(headers: list[tuple[str, bytes]], *, offset: int = 0) -> Any:
    return ConsumerRecord("raw-frames.v1", 3, offset, NOW, 0, b"key", b"value", None, 3, 5, tuple(headers))


@pytest.mark.parametrize(
    ("header", "received_at"),
    [(b"1759654321000", 1759654321000), (b"", NOW), (b"soon", NOW), (b"-5", NOW), (b"9" * 40, NOW), (None, NOW)],
    ids=["a time", "empty", "a word", "before 1970", "too large", "no header"],
)
def test_the_time_is_the_bridges_and_the_brokers_if_it_is_none(header: bytes | None, received_at: int) -> None:
    headers = [("received-at", header)] if header is not None else []
    placed = ArchiveTarget(Archive(Path("unused")), keep_days=1).decode(record(headers, offset=7))
    assert placed is not None
    assert (placed.received_at, placed.offset) == (received_at, 7)
    assert placed.record == (3, b"key", b"value", headers)


def test_what_a_replay_put_back_is_not_archived_again() -> None:
    target = ArchiveTarget(Archive(Path("unused")), keep_days=1)
    assert target.decode(record([("received-at", b"1"), ("archived", b"1")])) is None
    assert target.decode(record([("received-at", b"1"), ("archived", b"0")])) is not None


async def test_what_is_too_old_goes_in_steps_at_once_and_then_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PRUNE_STEP", 10)
    archive = Archive(tmp_path / "archive.sqlite")
    target = ArchiveTarget(archive, keep_days=2)

    async def add(age_days: float, count: int) -> None:
        stamp = b"%d" % (NOW - int(age_days * DAY * 1000))
        placed = [target.decode(record([("received-at", stamp)], offset=offset)) for offset in range(count)]
        await target.write([one for one in placed if one is not None])

    async def left_after_tidying() -> int:
        await target.tidy()
        return len(list(archive.read(0, 2**62)))

    await add(2.1, 25)
    await add(1.9, 3)
    assert [await left_after_tidying() for _ in range(4)] == [18, 8, 3, 3]
    await add(3, 1)
    assert await left_after_tidying() == 4  # not due again for a minute
    await target.close()
