"""Days folded again from raw frames: the same each time, the same as live, and never at the price of history."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from history.archive import Placed
from history.sqlite import SqliteHistory
from history.store import RebuiltDay, StoreUnavailable
from schemas.aggregate import WIDTHS, Aggregate
from schemas.delivery import Delivery
from schemas.reading import RESTORED, Reading
from schemas.registry import Registry
from streams.replay.days import Days
from streams.replay.fold import Fold
from streams.replay.rebuild import fold_log
from streams.replay.source import Progress
from streams.replay.staging import Staging
from streams.windows import LATE_FOR_WINDOWS
from tests.streams.replay.logs import (
    D0,
    DAY,
    ENCRYPTED,
    HOUR,
    KEY,
    MINUTE,
    SENSORS,
    Heard,
    ListSource,
    log,
    packets,
    secret_frame,
)
from tests.streams.replay.rebuilding import SECOND_DAY, THREE_DAYS, export, readings_of, replay, staged


@pytest.fixture
def history(tmp_path: Path) -> SqliteHistory:
    return SqliteHistory(tmp_path / "history.sqlite")


async def live(history: SqliteHistory, records: Sequence[Placed]) -> None:
    """As the worker folds a backlog: minutes of one partition, then the same minutes of the other."""
    given: list[Reading | Aggregate | Delivery] = []
    fold = Fold(given.append, partitions=2, keys={}, registry=Registry())
    spans: defaultdict[int, list[Placed]] = defaultdict(list)
    for each in records:
        spans[each.received_at // (4 * MINUTE)].append(each)
    for span in spans.values():
        for each in sorted(span, key=lambda placed: -placed.record.partition):
            fold.take(each)
    fold.finish()
    await history.write([each for each in given if isinstance(each, Reading)])
    await history.write_aggregates([each for each in given if isinstance(each, Aggregate)])
    await history.write_deliveries([each for each in given if isinstance(each, Delivery)])


async def test_it_agrees_with_the_live_run_in_packets_values_and_windows(tmp_path: Path) -> None:
    once, again = SqliteHistory(tmp_path / "live.sqlite"), SqliteHistory(tmp_path / "rebuilt.sqlite")
    await live(once, THREE_DAYS)
    await live(again, THREE_DAYS)
    outcomes = await replay(again, THREE_DAYS)
    assert [(each.held, each.readings, each.refused) for each in outcomes] == [(144, 144, None)] * 2

    def told(reading: Reading) -> tuple[Any, ...]:
        # which gateway's copy came first is a race, and the time is that copy's
        return reading.sensor, reading.packet_id, reading.values, reading.flags, reading.measured_at // 1000

    def summed(aggregate: Aggregate) -> tuple[Any, ...]:
        a = aggregate
        return *a.key, a.count, a.min, a.max, a.mean, a.first, a.last, a.first_at // 1000, a.last_at // 1000, a.final

    for sensor in SENSORS:
        assert [told(each) for each in await readings_of(again, sensor)] == [
            told(each) for each in await readings_of(once, sensor)
        ]
        for width in WIDTHS:
            rebuilt = [summed(each) async for each in again.aggregates(sensor, width, *SECOND_DAY)]
            lived = [summed(each) async for each in once.aggregates(sensor, width, *SECOND_DAY)]
            assert rebuilt == lived
            assert len(rebuilt) >= 3
        hours = [
            [
                (each.start, each.expected, each.heard, each.by_gateway)
                for each in await store.deliveries(sensor, *SECOND_DAY)
            ]
            for store in (once, again)
        ]
        assert hours[0] == hours[1]
        assert len(hours[0]) == 24
    assert await readings_of(once) != await readings_of(again), "no copy ever raced: the test shows less than it says"


async def test_two_rebuilds_are_the_same_to_the_byte(tmp_path: Path) -> None:
    exports, digests = [], []
    for name in ("a", "b"):
        history = SqliteHistory(tmp_path / name)
        for _ in range(2):
            digests.append([each.digest for each in await replay(history, THREE_DAYS)])
            exports.append(await export(history))
    assert digests == [digests[0]] * 4
    assert exports == [exports[0]] * 4
    assert exports[0].count(b"\n") > 1000


async def test_a_range_gives_what_its_days_give_one_by_one(tmp_path: Path) -> None:
    """So a day of lead-in is enough, and nothing tells where a rebuild began."""
    whole, single = SqliteHistory(tmp_path / "whole"), SqliteHistory(tmp_path / "single")
    await replay(whole, THREE_DAYS, Days(D0, D0 + 3 * DAY))
    for day in (2, 0, 1):
        await replay(single, THREE_DAYS, Days(D0 + day * DAY, D0 + (day + 1) * DAY))
    assert await export(whole) == await export(single)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Reading], bytes]:
    """The readings of a rebuild into an empty history, and all of it."""

    async def made() -> tuple[list[Reading], bytes]:
        history = SqliteHistory(tmp_path_factory.mktemp("clean") / "clean")
        await replay(history, THREE_DAYS)
        return [each for sensor in SENSORS for each in await readings_of(history, sensor)], await export(history)

    return asyncio.run(made())


@settings(max_examples=15)
@given(st.data())
async def test_whatever_was_held_before_the_rebuild_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, clean: tuple[list[Reading], bytes], data: st.DataObject
) -> None:
    """Rows of the log's frames that a worse worker wrote: moved, doubled, missing, of any epoch, all go."""
    rows, exported = clean
    dirty = SqliteHistory(tmp_path_factory.mktemp("any") / "dirty")
    for row in data.draw(st.lists(st.sampled_from(rows), max_size=12)):
        moved = data.draw(st.integers(-2 * MINUTE, 2 * MINUTE))
        if row.measured_at + moved in SECOND_DAY:
            at = msgspec.structs.replace(row.at, epoch=data.draw(st.integers(0, 3)))
            await dirty.write([msgspec.structs.replace(row, measured_at=row.measured_at + moved, at=at)])
    await replay(dirty, THREE_DAYS)
    assert await export(dirty) == exported


async def test_a_key_that_was_added_brings_what_was_dead(history: SqliteHistory) -> None:
    at = D0 + DAY + HOUR
    records = log([*(each.frame() for each in packets(D0, D0 + 2 * DAY)), secret_frame(at)], D0, D0 + 2 * DAY + HOUR)
    await replay(history, records)
    assert await readings_of(history, ENCRYPTED) == []
    await replay(history, records, keys={ENCRYPTED: KEY})
    [found] = await readings_of(history, ENCRYPTED)
    assert (found.measured_at, found.counter) == (at, 1725168459)
    assert found.values
    # and a rebuild by somebody who lacks the key takes nothing away
    *_, refused = sorted(await replay(history, records), key=lambda each: each.refused is not None)
    assert refused.sensor == ENCRYPTED
    assert refused.refused is not None
    assert "bind key" in refused.refused
    assert await readings_of(history, ENCRYPTED) == [found]


async def test_an_interrupted_rebuild_is_whole_when_it_is_run_again(tmp_path: Path) -> None:
    class Full(SqliteHistory):
        """Its disk is full after one sensor's day."""

        taken = 0

        async def replace(self, day: RebuiltDay) -> None:
            if self.taken == 1:
                raise StoreUnavailable("disk full")
            self.taken += 1
            await super().replace(day)

    whole, broken = SqliteHistory(tmp_path / "whole"), Full(tmp_path / "broken")
    await replay(whole, THREE_DAYS)
    with pytest.raises(StoreUnavailable):
        await replay(broken, THREE_DAYS)
    assert await export(broken) not in (b"", await export(whole))
    broken.taken = -9
    await replay(broken, THREE_DAYS)
    assert await export(broken) == await export(whole)
    assert sorted(each.name for each in tmp_path.iterdir() if each.name.startswith("replay-")) == []


async def test_only_one_sensor(history: SqliteHistory) -> None:
    [only] = await replay(history, THREE_DAYS, sensor=SENSORS[1])
    assert (only.sensor, only.readings) == (SENSORS[1], 144)
    assert await readings_of(history, SENSORS[0]) == []


async def test_a_dry_run_changes_nothing_and_says_the_same(history: SqliteHistory) -> None:
    said = await replay(history, THREE_DAYS, write=False)
    assert await export(history) == b""
    assert said == await replay(history, THREE_DAYS)


async def test_frames_that_waited_a_day_are_in_their_own_day(history: SqliteHistory) -> None:
    late = [
        Heard(
            "gw-a", SENSORS[0], 77 + number, D0 + DAY + number * MINUTE + 500, D0 + 2 * DAY - HOUR + number, queued=True
        )
        for number in range(3)
    ] + [Heard("gw-a", SENSORS[0], 99, D0 + 2 * DAY - MINUTE, D0 + 3 * DAY - 2 * MINUTE, queued=True)]
    frames = [each.frame() for each in [*packets(D0, D0 + 3 * DAY), *late]]
    await replay(history, log(frames, D0, D0 + 3 * DAY + HOUR))
    found = {each.measured_at: each for each in await readings_of(history)}
    assert len(found) == 144 + 4
    for each in late:
        assert LATE_FOR_WINDOWS in found[each.measured_at].flags


async def test_what_came_back_from_the_archive_gives_true_readings(history: SqliteHistory) -> None:
    marked = [
        each._replace(record=each.record._replace(headers=[*each.record.headers, ("archived", b"1")]))
        for each in THREE_DAYS
        if each.offset
    ]
    await replay(history, marked)
    found = await readings_of(history)
    assert len(found) == 144
    assert not any(RESTORED in each.flags for each in found)


async def test_what_came_after_the_snapshot_stays(history: SqliteHistory) -> None:
    snapshot = D0 + DAY + 12 * HOUR
    await live(history, THREE_DAYS)
    before = await readings_of(history)
    outcomes = await replay(history, [each for each in THREE_DAYS if each.received_at < snapshot])
    assert [(each.held, each.readings) for each in outcomes] == [(144, 72)] * 2
    after = await readings_of(history)
    assert [each.packet_id for each in after] == [each.packet_id for each in before]
    assert [each for each in after if each.received_at >= snapshot] == [
        each for each in before if each.received_at >= snapshot
    ]
    windows = [each async for each in history.aggregates(SENSORS[0], 86_400, *SECOND_DAY)]
    assert {each.count for each in windows} == {144}  # the live worker's, which knows the whole day


async def test_progress_is_told(history: SqliteHistory) -> None:
    told: list[Progress] = []
    with staged(history, SECOND_DAY) as staging:
        await fold_log(ListSource(THREE_DAYS), SECOND_DAY, staging, keys={}, registry=Registry(), tell=told.append)
    assert [each.done for each in told] == list(range(500, len(THREE_DAYS) + 1, 500))
    assert told[-1].total == len(THREE_DAYS)


async def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="no temporary file"):
        Staging(tmp_path / "missing", SECOND_DAY)
