"""The archive keeps every raw record, as it came, once, and gives them back in the order received."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from history.archive import Archive, Placed, RawRecord
from history.packing import pack, unpack
from history.store import ReadingRejected
from schemas.frame import Frame, frame_key, tick_headers

T = 1_759_654_321_000
TOPIC = "shellyplus1pm-a8032abe54dc/events/rpc"


def placed(offset: int, *, partition: int = 0, received_at: int | None = None, payload: bytes = b"{}") -> Placed:
    time = T + offset if received_at is None else received_at
    frame = Frame(TOPIC, payload, time)
    return Placed(offset, time, RawRecord(partition, frame_key(TOPIC), payload, frame.headers()))


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    opened = Archive(tmp_path / "archive.sqlite", page=10)
    yield opened
    await opened.close()


def everything(archive: Archive, start: int = 0, end: int = 2**62) -> list[RawRecord]:
    return list(archive.read(start, end))


async def test_an_archive_that_was_never_written_is_empty(archive: Archive, tmp_path: Path) -> None:
    assert everything(archive) == []
    assert list(tmp_path.iterdir()) == []


async def test_redelivery_changes_nothing(archive: Archive) -> None:
    batch = [placed(offset) for offset in range(3)]
    await archive.write(batch)
    await archive.write(batch[1:])
    assert everything(archive) == [one.record for one in batch]


async def test_a_reused_offset_keeps_both_records(archive: Archive) -> None:
    """The broker lost its tail: the same offset again, later or even in the same millisecond, is another record."""
    first = placed(7, payload=b"first")
    same_time = placed(7, payload=b"second")
    later = placed(7, received_at=T + 60_000, payload=b"first")
    await archive.write([first])
    await archive.write([same_time, later])
    assert sorted(record.value or b"" for record in everything(archive)) == [b"first", b"first", b"second"]
    assert everything(archive)[-1] == later.record


async def test_a_replay_is_in_the_order_received_over_all_partitions(archive: Archive) -> None:
    given = [placed(100 - i, partition=i % 4, received_at=T + i // 3, payload=b"%d" % i) for i in range(95)]
    await archive.write(given[50:])
    await archive.write(given[:50])
    expected = sorted(given, key=lambda one: (one.received_at, one.record.partition, one.offset))
    assert everything(archive) == [one.record for one in expected]


async def test_a_replay_takes_a_half_open_range(archive: Archive) -> None:
    given = [placed(offset) for offset in range(30)]
    await archive.write(given)
    assert everything(archive, T + 5, T + 25) == [one.record for one in given[5:25]]
    assert everything(archive, -(2**70), 2**70) == [one.record for one in given]


async def test_a_replay_sees_nothing_twice_while_the_archive_grows(archive: Archive) -> None:
    given = [placed(offset) for offset in range(40)]
    await archive.write(given[:20])
    reading = archive.read(0, 2**62)
    seen = [next(reading) for _ in range(10)]
    await archive.write(given[20:])
    assert [*seen, *reading] == [one.record for one in given]


async def test_pruning_goes_in_bounded_steps_from_the_oldest(archive: Archive) -> None:
    given = [placed(offset) for offset in range(25)]
    await archive.write(given)
    assert [await archive.prune(T + 20, most=8) for _ in range(4)] == [8, 8, 4, 0]
    assert everything(archive) == [one.record for one in given[20:]]


async def test_what_cannot_be_stored_is_rejected(archive: Archive) -> None:
    with pytest.raises(ReadingRejected):
        await archive.write([placed(1), placed(2, received_at=2**63)])
    assert everything(archive) == []


@pytest.mark.parametrize(
    ("key", "headers", "value"),
    [
        (None, tick_headers(T), b""),
        (None, [], None),
        (b"", [("a", b""), ("a", b"\xff\x00"), ("", b"x" * 1000)], b"\x00" * 100_000),
        (b"k", [("null", None)], b"v"),
    ],
    ids=["tick", "nothing", "odd", "null header"],
)
def test_a_record_is_unpacked_as_it_was(key: bytes | None, headers: Any, value: bytes | None) -> None:
    assert unpack(pack(key, headers, value)) == (key, headers, value)


def test_real_frames_are_packed_to_a_third(data: Path) -> None:
    """And come back the same; a tick takes some 20 bytes."""
    before = after = 0
    for case in json.loads((data / "shelly-frames.json").read_text()):
        payload = json.dumps(case["payload"], separators=(",", ":")).encode()  # as a gateway writes it
        frame = Frame(case["topic"], payload, T)
        packed = pack(frame_key(frame.topic), frame.headers(), payload)
        assert unpack(packed) == (frame_key(frame.topic), frame.headers(), payload)
        before += len(payload) + sum(len(name) + len(value) for name, value in frame.headers())
        after += len(packed)
    assert after < before / 3
    assert len(pack(None, tick_headers(T), b"")) < 24


@pytest.mark.parametrize("packed", [b"", b"\x07abc", b"\x01\xff\xff", b"\x01"])
def test_bytes_that_nobody_packed_are_an_error(packed: bytes) -> None:
    with pytest.raises(ValueError, match=r"archived record|truncated"):
        unpack(packed)


def test_yesterdays_packing_is_still_read() -> None:
    """The dictionary is part of the format: whoever changes it makes an archive unreadable."""
    packed = bytes.fromhex(PACKED_BY_VERSION_1)
    assert unpack(packed) == (b"shellyplus1pm-a8032abe54dc", Frame(TOPIC, b'{"src":"x"}', T).headers(), b'{"src":"x"}')


PACKED_BY_VERSION_1 = "019b7c440a351a217190946a6a92928cea1a55dc0ac974a8a9a599a989b111285921b9f908372c815528d50200"
