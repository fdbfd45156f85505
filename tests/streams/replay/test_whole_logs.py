"""What a rebuild makes of a log that has gaps, moved, or began again: never less history than before."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from history.archive import Archive, Placed, place_of
from history.spans import Span
from history.sqlite import SqliteHistory
from schemas.advertisement import Coordinate
from schemas.reading import Reading
from schemas.registry import Registry
from streams.replay import fold as fold_module
from streams.replay.days import Days
from streams.replay.rebuild import fold_log, replace_days
from streams.replay.source import LogForgot, StoredSource
from tests.streams.replay.logs import (
    D0,
    DAY,
    HOUR,
    log,
    packets,
)
from tests.streams.replay.rebuilding import SECOND_DAY, THREE_DAYS, export, readings_of, replay, staged, windows_of


@pytest.fixture
def history(tmp_path: Path) -> SqliteHistory:
    return SqliteHistory(tmp_path / "history.sqlite")


@pytest.mark.parametrize("fewer_first", [True, False])
async def test_a_log_that_moved_to_another_number_of_partitions_is_folded_through(
    tmp_path: Path, fewer_first: bool
) -> None:
    """No window waits for the ticks of a partition that there is not any more, or not yet."""
    moved = D0 + DAY + 6 * HOUR

    def logs(first: int, then: int) -> list[Placed]:
        frames = [each.frame() for each in packets(D0, D0 + 2 * DAY)]
        one = log([each for each in frames if each.received_at < moved], D0, moved, partitions=first)
        other = [each for each in frames if each.received_at >= moved]
        return [*one, *log(other, moved, D0 + 2 * DAY + 2 * HOUR, partitions=then)]

    counts = (2, 5) if fewer_first else (5, 2)
    archive = Archive(tmp_path / "archive.sqlite")
    await archive.write(logs(*counts))
    source = await StoredSource.open(archive, SECOND_DAY.read_from, SECOND_DAY.read_to)
    mixed, plain = SqliteHistory(tmp_path / "mixed"), SqliteHistory(tmp_path / "plain")
    await replay(plain, logs(2, 2))
    with staged(mixed, SECOND_DAY) as staging:
        read = await fold_log(source, SECOND_DAY, staging, keys={}, registry=Registry())
        outcomes = [each async for each in replace_days(staging, read, SECOND_DAY, mixed, sensor=None, write=True)]
    assert [(each.readings, each.refused) for each in outcomes] == [(144, None)] * 2
    assert await windows_of(mixed) == await windows_of(plain)


async def test_logs_that_run_beside_each_other_are_one_while_their_offsets_can_be_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two bridges wrote the same frames to two clusters: each packet is one reading."""
    beside = [
        each._replace(offset=each.offset + 100_000, received_at=each.received_at + 7, record=each.record)
        for each in THREE_DAYS
    ]
    both = sorted([*THREE_DAYS, *beside], key=place_of)
    one, two = SqliteHistory(tmp_path / "one"), SqliteHistory(tmp_path / "two")
    await replay(one, THREE_DAYS)
    await replay(two, both)
    assert [each.packet_id for each in await readings_of(two)] == [each.packet_id for each in await readings_of(one)]
    monkeypatch.setattr(fold_module, "MOST_EPOCHS", 100)
    with pytest.raises(LogForgot, match="logs run beside each other"):
        await replay(two, both)


async def test_offsets_that_were_given_out_again_lose_nothing(tmp_path: Path) -> None:
    """The embedded broker's log begins anew after a reboot; the archive holds both."""
    plain, twice = SqliteHistory(tmp_path / "plain"), SqliteHistory(tmp_path / "twice")
    middle = D0 + DAY + 12 * HOUR
    number: defaultdict[int, Iterator[int]] = defaultdict(lambda: iter(range(10**6)))
    renumbered = [
        each if each.received_at < middle else each._replace(offset=next(number[each.record.partition]))
        for each in THREE_DAYS
    ]
    await replay(plain, THREE_DAYS)
    await replay(twice, renumbered)

    async def without_places(history: SqliteHistory) -> list[Reading]:
        nowhere = Coordinate(0, 0, 0, 0)
        return [msgspec.structs.replace(each, at=nowhere) for each in await readings_of(history)]

    assert await without_places(plain) == await without_places(twice)


Spoil = Callable[[list[Placed]], list[Placed]]


@pytest.mark.parametrize(
    ("spoil", "cut", "why"),
    [
        (lambda log: [each for each in log if each.received_at >= D0 + HOUR], (0, 1), "midnight before"),
        (lambda log: [each for each in log if each.received_at >= D0 + DAY + HOUR], (), "does not have the frames"),
        (lambda log: [e for e in log if not 0 <= e.received_at - D0 - DAY - HOUR < HOUR], (), "frames of 6 of"),
        (lambda log: [each for each in log if not each.record.key], (), "gives nothing"),
        (lambda log: [], (0, 1), "midnight before"),
    ],
    ids=["forgotten", "began later", "hole", "frames gone", "empty"],
)
async def test_a_day_that_the_log_does_not_hold_whole_stays(
    history: SqliteHistory, spoil: Spoil, cut: tuple[int, ...], why: str
) -> None:
    await replay(history, THREE_DAYS)
    before = await export(history)
    outcomes = await replay(history, spoil(THREE_DAYS), cut=cut)
    assert [why in (each.refused or "") for each in outcomes] == [True, True]
    assert await export(history) == before


async def test_a_log_is_whole_where_all_its_partitions_are(history: SqliteHistory) -> None:
    """Retention takes one partition's segments when another's are still there."""
    await replay(history, THREE_DAYS, Days(D0 + DAY, D0 + 3 * DAY))
    before = await export(history)
    uneven = [each for each in THREE_DAYS if each.record.partition == 0 or each.received_at >= D0 + DAY + 20 * HOUR]
    outcomes = await replay(history, uneven, Days(D0 + DAY, D0 + 3 * DAY), cut={1})
    assert ["midnight before" in (each.refused or "") for each in outcomes] == [True] * 4
    assert await export(history) == before


@pytest.mark.parametrize("hole", [(D0 + HOUR, D0 + 2 * HOUR), (D0 + DAY + HOUR, D0 + DAY + 2 * HOUR)])
async def test_a_day_that_needs_what_is_missing_stays_if_there_is_something_to_lose(
    history: SqliteHistory, hole: Span
) -> None:
    """Also in its lead-in: what a gateway's components are is asked for every six hours only."""
    holed = [each for each in THREE_DAYS if not hole[0] <= each.received_at < hole[1]]
    first = await replay(history, holed, missing=[hole])
    assert [each.refused for each in first] == [None, None]
    before = await export(history)
    assert before
    again = await replay(history, holed, missing=[hole])
    assert ["arrived and are not in the log" in (each.refused or "") for each in again] == [True, True]
    assert await export(history) == before


async def test_a_log_that_was_never_cut_is_whole_from_its_first_record(history: SqliteHistory) -> None:
    young = [each for each in THREE_DAYS if each.received_at >= D0 + DAY + HOUR]
    outcomes = await replay(history, young)
    assert [(each.readings, each.refused) for each in outcomes] == [(138, None)] * 2
