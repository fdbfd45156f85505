"""What every history engine promises of aggregates."""

import math
from collections.abc import Sequence

import msgspec
import pytest

from history.store import ReadingRejected
from schemas.aggregate import DAY, FIVE_MINUTES, HOUR, WIDTHS, Aggregate
from tests.contract.engines import COMPARING, SENSOR, Store, aggregate

OTHER = "f8:44:77:3a:0e:4b"
EVER = 2**62


async def everything(
    store: Store, *, sensor: str = SENSOR, width: int = FIVE_MINUTES, start: int = 0, end: int = EVER
) -> list[Aggregate]:
    return [found async for found in store.aggregates(sensor, width, start, end)]


async def test_a_store_that_was_never_written_has_none(store: Store) -> None:
    for width in WIDTHS:
        assert await everything(store, width=width) == []


@pytest.mark.parametrize("width", WIDTHS)
async def test_an_aggregate_comes_back_whole(store: Store, width: int) -> None:
    usual = aggregate(0, width=width, mean=1 / 3)
    odd = aggregate(1, width=width, quantity="ün ï,=_1", index=3, revision=2**62, mean=-1e300, final=True)
    early = msgspec.structs.replace(aggregate(2, width=width), first_at=odd.start - 5, last_at=0)
    await store.write_aggregates([usual, odd, early])
    found = await everything(store, width=width)
    assert found == [usual, odd, early]
    assert [type(one.max) for one in found] == [float] * 3  # 22.0 is not 22


async def test_widths_sensors_quantities_and_indexes_are_told_apart_and_in_order(store: Store) -> None:
    mine = [
        aggregate(number, quantity=quantity, index=index, mean=mean)
        for mean, (number, quantity, index) in enumerate(
            (number, quantity, index)
            for number in range(3)
            for quantity in ("battery", "temperature")
            for index in (0, 1, 10)
        )
    ]
    others = [aggregate(0, sensor=OTHER), aggregate(0, width=HOUR), aggregate(0, width=DAY)]
    await store.write_aggregates([*reversed(mine), *others])
    assert await everything(store) == mine
    assert await everything(store, sensor=OTHER) == others[:1]
    assert await everything(store, width=HOUR) == others[1:2]
    assert await everything(store, width=DAY) == others[2:]


async def test_ranges_are_half_open_by_the_windows_start(store: Store) -> None:
    given = [aggregate(number) for number in range(5)]
    await store.write_aggregates(given)
    assert await everything(store, start=given[1].start, end=given[3].start) == given[1:3]
    assert await everything(store, start=given[1].start + 1, end=given[3].start + 1) == given[2:4]
    assert await everything(store, start=given[1].start, end=given[1].start) == []
    assert await everything(store, start=-(2**70), end=2**70) == given


@pytest.mark.parametrize("numbers", [range(49), range(50), range(51), range(630), [0, 1, 100_000, 100_001, 300_000]])
async def test_a_long_range_is_complete_whatever_the_page_and_the_gaps(store: Store, numbers: Sequence[int]) -> None:
    given = [aggregate(number, quantity=quantity) for number in numbers for quantity in ("humidity", "temperature")]
    await store.write_aggregates(given)
    assert await everything(store) == given


async def test_writing_again_changes_nothing_and_a_higher_revision_replaces(store: Store) -> None:
    first, second = aggregate(0, revision=5), aggregate(0, revision=6, mean=9.5, final=True)
    await store.write_aggregates([first])
    await store.write_aggregates([first])
    assert await everything(store) == [first]
    await store.write_aggregates([second])
    assert await everything(store) == [second]


@pytest.mark.parametrize("revisions", [(5, 9, 7), (9, 5, 7), (5, 7, 9)])
async def test_within_a_batch_the_highest_revision_wins(store: Store, revisions: Sequence[int]) -> None:
    await store.write_aggregates([aggregate(0, revision=revision, mean=revision) for revision in revisions])
    assert await everything(store) == [aggregate(0, revision=9, mean=9)]


async def test_a_window_of_fewer_readings_replaces_none(engine: str, store: Store) -> None:
    """A state that began in the midst of a window knows less of it, however new it is."""
    whole, part = aggregate(0, revision=5, count=5), aggregate(0, revision=9, count=2, final=True)
    await store.write_aggregates([whole])
    await store.write_aggregates([part])
    assert await everything(store) == [whole if engine in COMPARING else part]


async def test_a_redelivery_from_the_middle_ends_as_it_was(engine: str, store: Store) -> None:
    """A lower revision replaces none where the engine can compare; elsewhere the order of the partition mends it."""
    revisions = [aggregate(0, revision=revision, mean=revision) for revision in range(1, 6)]
    for one in revisions:
        await store.write_aggregates([one])
    await store.write_aggregates(revisions[1:3])
    assert await everything(store) == [revisions[4] if engine in COMPARING else revisions[2]]
    for one in revisions[3:]:
        await store.write_aggregates([one])
    assert await everything(store) == [revisions[4]]


@pytest.mark.parametrize(
    "changes", [{"mean": math.nan}, {"max": math.inf}, {"start": 2**70}, {"revision": 2**64}, {"count": 2**63}]
)
async def test_what_can_never_be_stored_is_rejected(store: Store, changes: dict[str, float]) -> None:
    bad = msgspec.structs.replace(aggregate(1), **changes)
    with pytest.raises(ReadingRejected):
        await store.write_aggregates([aggregate(0), bad, aggregate(2)])
    await store.write_aggregates([aggregate(0), aggregate(2)])
    assert await everything(store) == [aggregate(0), aggregate(2)]


async def test_aggregates_and_readings_do_not_meet(store: Store) -> None:
    await store.write_aggregates([aggregate(0)])
    assert [found async for found in store.readings(SENSOR, 0, EVER)] == []
    assert list(await store.newest()) == []
