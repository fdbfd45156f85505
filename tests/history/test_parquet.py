"""Raw records in Parquet files: every byte comes back, once and in order, and nothing damaged is taken for a record."""

import asyncio
import json
import random
from collections.abc import Iterable, Sequence
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from history import parquet_day
from history.archive import Archive, Placed, RawRecord, in_order, place_of
from history.parquet import DAY_MS, SCHEMA, VERSION, Facts, UnusableFile
from history.parquet_day import DayFile, held
from history.parquet_file import FrameFile
from history.parquet_shelf import ParquetShelf, find
from history.spans import Span

DAY = 1_759_622_400_000
WHOLE = (DAY, DAY + DAY_MS)


def facts(day: int = DAY, log: str = "shelly.raw-frames.v1@home") -> Facts:
    return Facts(VERSION, "1.2.3", log, day)


def exported(
    path: Path, records: Iterable[Placed], *, covered: Sequence[Span] = (WHOLE,), day: int = DAY, bluflow: str = "1.2.3"
) -> FrameFile:
    """A day's file with these records too."""

    async def export() -> None:
        with closing(DayFile(path, msgspec.structs.replace(facts(day), bluflow=bluflow))) as file:
            for placed in records:
                file.add(placed)
            await file.finish(covered, 4)

    asyncio.run(export())
    return FrameFile(path)


def rows(shelf: FrameFile | ParquetShelf, start: int = 0, end: int = 1 << 62) -> list[Placed]:
    return list(shelf.placed(start, end))


def tick(second: int, partition: int = 0, value: bytes = b"") -> Placed:
    return Placed(second, DAY + second * 1000, RawRecord(partition, None, value, [("tick", b"1")]))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


any_bytes = st.one_of(st.none(), st.binary(max_size=40))
any_record = st.builds(
    Placed,
    st.integers(0, 2**63 - 1) | st.integers(0, 3),
    st.integers(DAY, DAY + DAY_MS - 1) | st.integers(DAY, DAY + 2),
    st.builds(
        RawRecord,
        st.integers(0, 2**31 - 1) | st.integers(0, 1),
        any_bytes,
        any_bytes,
        st.lists(st.tuples(st.text(st.characters(codec="utf-8"), max_size=3), any_bytes), max_size=4),
    ),
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(any_record, max_size=30), st.lists(any_record, max_size=10), st.randoms())
def test_every_byte_survives_export_import_and_export(
    tmp_path_factory: pytest.TempPathFactory, first: list[Placed], second: list[Placed], dice: random.Random
) -> None:
    """In whatever order the records came, and whichever of them came twice."""
    folder = tmp_path_factory.mktemp("any")
    given_all = in_order([*first, *second])
    exported(folder / "one.parquet", first)
    one = exported(folder / "one.parquet", [*second, *first[: dice.randrange(len(first) + 1)]])
    assert rows(one) == given_all

    async def through_the_archive() -> list[Placed]:
        archive = Archive(folder / "archive.sqlite")
        for _ in range(2):
            await archive.write(rows(one))
        await archive.close()
        return list(archive.placed(0, 1 << 62))

    kept = asyncio.run(through_the_archive())
    assert kept == given_all
    other = exported(folder / "other.parquet", kept)
    assert rows(other) == given_all
    assert other.path.read_bytes() == one.path.read_bytes()
    one.verify()


def test_a_file_says_what_is_in_it_to_any_reader_of_parquet(tmp_path: Path) -> None:
    """The schema is documented: whoever changes it makes others' queries fail."""
    record = RawRecord(3, b"gw", b"{}", [("qos", b"1"), ("null", None)])  # type: ignore[list-item]
    exported(tmp_path / "day.parquet", [tick(0), Placed(7, DAY + 1500, record)])
    table = pq.read_table(tmp_path / "day.parquet")
    assert [(field.name, str(field.type)) for field in table.schema] == [
        ("received_at", "timestamp[ms, tz=UTC]"),
        ("raw_partition", "int32"),
        ("raw_offset", "int64"),
        ("key", "binary"),
        ("value", "binary"),
        ("headers", "list<element: struct<name: string not null, value: binary> not null>"),
    ]
    [first, second] = table.to_pylist()
    assert (first["key"], first["value"], first["headers"]) == (None, b"", [{"name": "tick", "value": b"1"}])
    assert second["received_at"].isoformat() == "2025-10-05T00:00:01.500000+00:00"
    assert (second["raw_partition"], second["raw_offset"], second["key"]) == (3, 7, b"gw")
    assert second["headers"] == [{"name": "qos", "value": b"1"}, {"name": "null", "value": None}]
    digest = blake2b(digest_size=16)
    digest.update(msgspec.msgpack.encode([DAY, 0, 0, None, b"", [["tick", b"1"]]]))
    digest.update(msgspec.msgpack.encode([DAY + 1500, 3, 7, b"gw", b"{}", [["qos", b"1"], ["null", None]]]))
    assert json.loads(table.schema.metadata[b"bluflow"]) == {
        "schema": 1,
        "bluflow": "1.2.3",
        "log": "shelly.raw-frames.v1@home",
        "day": DAY,
        "covered": [[DAY, DAY + DAY_MS]],
        "partitions": 4,
        "rows": 2,
        "first": DAY,
        "last": DAY + 1500,
        "digest": digest.hexdigest(),
    }


def test_a_later_export_loses_nothing_that_the_log_has_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "day.parquet"
    exported(path, map(tick, range(6)), covered=[(DAY, DAY + 6000)])
    later = exported(path, map(tick, range(4, 9)), covered=[(DAY + 4000, DAY + 9000)])
    assert rows(later) == list(map(tick, range(9)))
    assert later.facts.covered == ((DAY, DAY + 9000),)
    apart = exported(path, map(tick, range(20, 22)), covered=[(DAY + 20_000, DAY + 22_000)])
    assert apart.facts.covered == ((DAY, DAY + 9000), (DAY + 20_000, DAY + 22_000))
    assert (apart.facts.rows, apart.facts.whole) == (11, False)
    assert names(tmp_path) == ["day.parquet"]


def test_what_brings_nothing_new_leaves_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "day.parquet"
    exported(path, map(tick, range(6)))
    before = path.read_bytes(), path.stat().st_ino
    exported(path, map(tick, range(2, 4)), bluflow="1.2.4")
    assert (path.read_bytes(), path.stat().st_ino) == before
    exported(path, [], covered=[])
    assert (path.read_bytes(), path.stat().st_ino) == before


def test_what_comes_out_of_order_is_sorted_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_day, "GROUP_ROWS", 5)
    wild = [tick(second, partition) for second in range(30) for partition in range(2)]
    random.Random(7).shuffle(wild)
    file = exported(tmp_path / "day.parquet", wild)
    assert rows(file) == sorted(wild, key=place_of)
    assert names(tmp_path) == ["day.parquet"]


def test_a_reused_offset_keeps_both_records(tmp_path: Path) -> None:
    """The broker lost its tail: the same place again is another record; one that is the same is one."""
    both = [tick(1, value=b"first"), tick(1, value=b"second")]
    file = exported(tmp_path / "day.parquet", [*both, both[0]])
    assert rows(file) == in_order(both)
    assert file.facts.rows == 2


def test_an_export_that_breaks_off_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "day.parquet"
    exported(path, map(tick, range(6)))
    before = path.read_bytes()

    def break_off() -> None:
        with closing(DayFile(path, facts())) as file:
            for second in (9, 3, 10, 4):
                file.add(tick(second))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert names(tmp_path) == ["day.parquet"]
    assert path.read_bytes() == before


def test_what_a_killed_export_left_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / "day.parquet.0.partial").write_bytes(b"half")
    (tmp_path / "day.parquet.3.partial").write_bytes(b"half")
    exported(tmp_path / "day.parquet", [tick(1)])
    assert names(tmp_path) == ["day.parquet"]


def test_a_file_of_another_log_or_day_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "day.parquet"
    exported(path, [tick(1)])
    for other in (facts(log="shelly.raw-frames.v1@elsewhere"), facts(DAY + DAY_MS)):
        with pytest.raises(UnusableFile, match="another log or day"):
            DayFile(path, other)


def test_one_export_at_a_time_writes_to_a_folder(tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(UnusableFile, match="another export"), held(tmp_path):
        pass
    with held(tmp_path):
        pass


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> FrameFile:
    dice = random.Random(1)
    records = [tick(second, partition, dice.randbytes(30)) for second in range(200) for partition in range(2)]
    return exported(tmp_path_factory.mktemp("sound") / "day.parquet", records)


def _read(path: Path) -> tuple[Facts, list[Placed]] | str:
    """All of the file, or `unusable` if it is said so in one line that names it."""
    try:
        file = FrameFile(path)
        file.verify()
        return file.facts, rows(file)
    except UnusableFile as error:
        return "unusable" if str(error).startswith(f"{path}: ") and "\n" not in str(error) else str(error)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_named_and_never_gives_other_records(
    tmp_path_factory: pytest.TempPathFactory, sound: FrameFile, data: st.DataObject
) -> None:
    """Cut anywhere, or any byte changed: one line, or the very records and the very facts."""
    content = bytearray(sound.path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[at:]
    else:
        content[at] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("damaged") / "day.parquet"
    path.write_bytes(content)
    assert _read(path) in ((sound.facts, rows(sound)), "unusable")


def _foreign(path: Path, said: dict[str, Any] | None, schema: Any = SCHEMA) -> Path:
    metadata = None
    if said is not None:
        text = json.dumps(said).encode()
        metadata = {b"bluflow": text, b"bluflow.check": blake2b(text, digest_size=8).hexdigest().encode()}
    pq.write_table(schema.empty_table().replace_schema_metadata(metadata), path)
    return path


SAID = {"schema": 1, "bluflow": "1.2.3", "log": "x", "day": DAY}


@pytest.mark.parametrize(
    ("said", "schema", "why"),
    [
        (None, SCHEMA, "not one that bluflow exported"),
        ({"rows": "many"}, SCHEMA, "what it says of itself cannot be read"),
        (SAID | {"schema": 2, "bluflow": "9.0.0"}, SCHEMA, "bluflow 9.0.0 wrote it with schema 2, this one knows 1"),
        (SAID, pa.schema([("received_at", pa.int64())]), "its columns are not those of raw frames"),
    ],
)
def test_a_parquet_file_of_somebody_else_is_refused(
    tmp_path: Path, said: dict[str, Any] | None, schema: Any, why: str
) -> None:
    with pytest.raises(UnusableFile, match=why):
        FrameFile(_foreign(tmp_path / "foreign.parquet", said, schema))


def test_rows_that_somebody_sorted_otherwise_are_refused(tmp_path: Path, sound: FrameFile) -> None:
    table = pq.read_table(sound.path)
    for name, changed in (("turned", table.take(list(range(399, -1, -1)))), ("short", table.slice(1))):
        path = tmp_path / f"{name}.parquet"
        pq.write_table(changed, path)
        with pytest.raises(UnusableFile, match="its rows are not"):
            FrameFile(path).verify()


def test_files_that_overlap_are_read_as_one_log(tmp_path: Path) -> None:
    next_day = [each._replace(received_at=each.received_at + DAY_MS) for each in map(tick, range(3))]
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    exported(tmp_path / "b" / "1.parquet", [tick(1), tick(3), tick(5)], covered=[(DAY, DAY + 5000)])
    exported(tmp_path / "a" / "2.parquet", [tick(1), tick(2), tick(5, 1)], covered=[(DAY + 3000, DAY + DAY_MS)])
    exported(tmp_path / "a" / "1.parquet", next_day, covered=[(DAY + DAY_MS, DAY + 2 * DAY_MS)], day=DAY + DAY_MS)
    shelf = ParquetShelf([FrameFile(path) for path in find(tmp_path)])
    expected = [tick(1), tick(2), tick(3), tick(5), tick(5, 1), *next_day]
    assert rows(shelf) == expected
    assert list(shelf.places(0, 1 << 62)) == [place_of(each) for each in expected]
    assert rows(shelf, DAY + 2000, DAY + DAY_MS + 1000) == expected[1:6]
    assert shelf.covered == [(DAY, DAY + 2 * DAY_MS)]
    assert [shelf.newest(before) for before in (DAY, DAY + 3000, DAY + DAY_MS, 1 << 62)] == [
        None,
        DAY + 2000,
        DAY + 5000,
        DAY + DAY_MS + 2000,
    ]


def test_a_path_without_parquet_files_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(UnusableFile, match="there is no"):
            find(path)
