"""What lies in files, as a source: its partitions, and what it must lack."""

from contextlib import closing
from pathlib import Path

import pytest

from history.archive import Archive, Place, Placed
from history.parquet import VERSION, Facts
from history.parquet_day import DayFile
from history.parquet_file import FrameFile
from history.parquet_shelf import ParquetShelf
from history.spans import Span
from streams.replay.source import Shelf, StoredSource
from streams.replay.survey import HOLE_MS, Survey
from tests.streams.replay.logs import D0, DAY, HOUR, MINUTE, log, packets

LOG = log((each.frame() for each in packets(D0, D0 + 2 * DAY)), D0, D0 + 2 * DAY + HOUR)


async def in_archive(path: Path, records: list[Placed]) -> Archive:
    archive = Archive(path)
    await archive.write(records)
    return archive


async def in_parquet(folder: Path, records: list[Placed], covered: dict[int, list[Span]]) -> ParquetShelf:
    """A file for each day of `covered`."""
    for day, spans in covered.items():
        with closing(DayFile(folder / f"{day}.parquet", Facts(VERSION, "1", "x", day))) as file:
            for each in records:
                if day <= each.received_at < day + DAY:
                    file.add(each)
            await file.finish(spans, 2)
    return ParquetShelf([FrameFile(path) for path in sorted(folder.glob("*.parquet"))])


async def everything(source: StoredSource) -> list[Placed]:
    return [each async for each in source.records()]


@pytest.mark.parametrize("engine", ["archive", "parquet"])
async def test_the_records_of_a_span_come_in_order(tmp_path: Path, engine: str) -> None:
    shelf: Shelf = (
        await in_archive(tmp_path / "archive.sqlite", LOG)
        if engine == "archive"
        else await in_parquet(tmp_path, LOG, {D0 + n * DAY: [(D0 + n * DAY, D0 + (n + 1) * DAY)] for n in range(3)})
    )
    source = await StoredSource.open(shelf, D0 + HOUR, D0 + DAY + HOUR)
    wanted = [each for each in LOG if D0 + HOUR <= each.received_at < D0 + DAY + HOUR]
    assert await everything(source) == wanted
    assert (source.total, source.partitions, source.cut, source.missing) == (len(wanted), 2, set(), [])
    assert source.through == D0 + DAY + HOUR
    end = await StoredSource.open(shelf, D0 + HOUR, D0 + 9 * DAY)
    assert D0 + 2 * DAY + HOUR - 2 * MINUTE < end.through <= LOG[-1].received_at


async def test_an_archive_that_began_later_is_cut_unless_its_log_began_there(tmp_path: Path) -> None:
    whole = await in_archive(tmp_path / "whole", LOG)
    assert (await StoredSource.open(whole, D0 - DAY, D0 + DAY)).cut == set()
    pruned = await in_archive(tmp_path / "pruned", [each for each in LOG if each.received_at >= D0 + HOUR])
    assert (await StoredSource.open(pruned, D0, D0 + DAY)).cut == {0, 1}
    assert (await StoredSource.open(pruned, D0 + 2 * HOUR, D0 + DAY)).cut == set()


async def test_files_that_do_not_say_that_they_hold_the_beginning_are_cut(tmp_path: Path) -> None:
    second_day = D0 + DAY
    shelf = await in_parquet(tmp_path, LOG, {second_day: [(second_day, second_day + DAY)]})
    assert (await StoredSource.open(shelf, second_day, second_day + DAY)).cut == set()
    assert (await StoredSource.open(shelf, D0, second_day + DAY)).cut == {0, 1}


async def test_what_lies_between_files_is_missing_and_what_comes_after_them_is_not(tmp_path: Path) -> None:
    noon = D0 + 12 * HOUR
    shelf = await in_parquet(tmp_path, LOG, {D0: [(D0, noon)], D0 + DAY: [(D0 + DAY, D0 + 2 * DAY)]})
    source = await StoredSource.open(shelf, D0, D0 + 3 * DAY)
    assert source.missing == [(noon, D0 + DAY)]


def survey(places: list[Place], start: int = D0, end: int = D0 + DAY) -> Survey:
    found = Survey(start, end)
    for place in places:
        found.saw(place)
    return found


@pytest.mark.parametrize(
    ("offset", "silence", "missing"),
    [
        (11, 8 * HOUR, False),  # the bridge was away
        (12, 8 * HOUR, False),  # a command had put one record back into the log: the sink leaves such out
        (11 + 320, 8 * HOUR, True),
        (0, 8 * HOUR, False),  # another log begins
        (5, 8 * HOUR, False),
        (500, HOLE_MS, False),
    ],
)
def test_offsets_tell_whether_a_silence_was_one(offset: int, silence: int, missing: bool) -> None:
    found = survey([Place(D0, 0, 10), Place(D0 + silence, 0, offset)])
    assert found.missing == ([(D0, D0 + silence)] if missing else [])


def test_a_partition_is_away_before_its_first_and_after_its_last_record() -> None:
    hours = [Place(D0 + hour * HOUR, 0, hour) for hour in range(4)]
    found = survey(sorted([*hours, Place(D0 + HOUR, 1, 0), Place(D0 + 2 * HOUR, 1, 1)]))
    assert [found.away(D0 + hour * HOUR) for hour in range(4)] == [[1], [], [], [1]]
    assert found.away(D0 + 2 * HOUR + HOLE_MS) == []  # within a hole's length nobody can tell


def test_how_far_it_was_read_is_how_far_its_slowest_partition_was() -> None:
    one, other, behind = Place(D0 + HOUR, 0, 0), Place(D0 + 2 * HOUR, 1, 0), Place(D0 + DAY, 0, 1)
    assert survey([]).through == D0
    assert survey([one, other]).through == D0 + HOUR
    assert survey([one, other, behind]).through == D0 + 2 * HOUR
    assert survey([one, behind]).through == D0 + DAY
    assert survey([behind]).through == D0 + DAY
