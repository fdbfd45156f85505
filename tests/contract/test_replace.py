"""What every history engine promises of a rebuilt day."""

import math
from collections.abc import Callable, Sequence

import msgspec
import pytest

from history.store import DAY_MS, ReadingRejected, RebuiltDay
from schemas.advertisement import Coordinate
from schemas.aggregate import DAY, FIVE_MINUTES, WIDTHS, Aggregate
from schemas.reading import Reading
from tests.contract.engines import MINUTE, SENSOR, START, Store, aggregate, reading

OTHER = "f8:44:77:3a:0e:4b"
MIDNIGHT = START - START % DAY_MS
EVER = 2**62


def everywhere(held: Reading) -> bool:
    return True


def rebuilt(
    readings: Sequence[Reading] = (),
    aggregates: Sequence[Aggregate] = (),
    *,
    has_read: Callable[[Reading], bool] = everywhere,
    closed: int = EVER,
) -> RebuiltDay:
    return RebuiltDay(SENSOR, MIDNIGHT, MIDNIGHT + DAY_MS, readings, aggregates, has_read, closed)


async def readings_of(store: Store, sensor: str = SENSOR) -> list[Reading]:
    return [found async for found in store.readings(sensor, 0, EVER)]


async def aggregates_of(store: Store, sensor: str = SENSOR) -> list[Aggregate]:
    return [found for width in WIDTHS async for found in store.aggregates(sensor, width, 0, EVER)]


def moved(given: Reading, **changes: object) -> Reading:
    return msgspec.structs.replace(given, **changes)


async def test_a_rebuilt_day_replaces_that_sensors_day_and_no_other(store: Store) -> None:
    held = [reading(number) for number in range(120)]
    before, after = reading(-2000), reading(2000)
    others = [reading(number, sensor=OTHER) for number in range(5)]
    await store.write([before, *held, after, *others])
    # others' copies came first: 17 ms later; one packet is gone, one is new, one is as it was
    new = [held[0], *(moved(each, measured_at=each.measured_at + 17) for each in held[2:]), reading(200)]
    for _ in range(2):
        await store.replace(rebuilt(new))
        assert await readings_of(store) == [before, *new, after]
        assert await readings_of(store, OTHER) == others


async def test_a_store_that_was_never_written_takes_a_rebuilt_day(store: Store) -> None:
    await store.replace(rebuilt([reading(0)], [aggregate(0, final=True)]))
    assert await readings_of(store) == [reading(0)]
    assert await aggregates_of(store) == [aggregate(0, final=True)]


async def test_a_rebuild_wins_against_a_higher_coordinate_of_another_epoch(store: Store) -> None:
    held = moved(reading(0), at=Coordinate(3, 2, 9, 0), values={"temperature": 1.5, "humidity": 3, "energy": 9})
    await store.write([held])
    await store.replace(rebuilt([reading(0)]))
    assert await readings_of(store) == [reading(0)]


async def test_what_the_log_was_not_read_for_stays(store: Store) -> None:
    held = [reading(number, offset=number) for number in range(10)]
    await store.write(held)
    unread = {held[3].measured_at, held[9].measured_at}
    new = [moved(each, measured_at=each.measured_at + 5, at=Coordinate(0, 2, 1, 0)) for each in held[:9:2]]
    await store.replace(rebuilt(new, has_read=lambda each: each.measured_at not in unread))
    assert await readings_of(store) == sorted([*new, held[3], held[9]], key=lambda each: each.measured_at)


async def test_a_row_that_stays_is_not_overwritten_by_its_older_self(store: Store) -> None:
    unread = reading(0, offset=900, temperature=30.5)
    await store.write([unread])
    await store.replace(rebuilt([reading(0, offset=3)], has_read=lambda each: each.at.offset < 900))
    assert await readings_of(store) == [unread]


async def test_closed_windows_are_the_rebuilds_also_with_fewer_readings_and_a_lower_revision(store: Store) -> None:
    held = [aggregate(number, revision=10**13, count=9, quantity=q) for number in range(4) for q in ("humidity", "x")]
    day = aggregate(0, width=DAY, revision=10**13, count=99)
    later = aggregate(400, revision=1)
    await store.write_aggregates([*held, day, later, aggregate(0, sensor=OTHER)])
    new = [aggregate(number, revision=5, count=2, final=True, quantity="humidity") for number in (0, 1, 2)]
    new_day = aggregate(0, width=DAY, revision=5, count=6, final=True)
    for _ in range(2):
        await store.replace(rebuilt([], [*new, new_day]))
        assert await aggregates_of(store) == [*new, later, new_day]
        assert await aggregates_of(store, OTHER) == [aggregate(0, sensor=OTHER)]


async def test_of_open_windows_only_what_is_missing_is_added(store: Store) -> None:
    closed, open_, missing = (aggregate(number, revision=7, count=5) for number in (0, 1, 2))
    await store.write_aggregates([closed, open_, aggregate(0, width=DAY, revision=7)])
    new = [msgspec.structs.replace(each, revision=1, count=8, mean=3.5) for each in (closed, open_, missing)]
    await store.replace(rebuilt([], [*new, aggregate(0, width=DAY, revision=1)], closed=open_.start))
    assert await aggregates_of(store) == [new[0], open_, new[2], aggregate(0, width=DAY, revision=7)]
    live = msgspec.structs.replace(missing, revision=9, count=9)
    await store.write_aggregates([live])  # the live worker goes on above it
    assert live in await aggregates_of(store)


@pytest.mark.parametrize("bad", [{"measured_at": 2**70}, {"values": {"temperature": math.nan}}])
async def test_what_can_never_be_stored_is_rejected(store: Store, bad: dict[str, object]) -> None:
    await store.write([reading(0)])
    with pytest.raises(ReadingRejected):
        await store.replace(rebuilt([reading(0), moved(reading(1), **bad)]))
    assert await readings_of(store) == [reading(0)]


async def test_a_day_of_many_pages_is_replaced_whole(store: Store) -> None:
    minutes = (MIDNIGHT + DAY_MS - START) // MINUTE - 1
    held = [reading(number) for number in range(minutes)]
    await store.write(held)
    new = [moved(each, gateway="another") for each in held]
    windows = [aggregate(number, final=True) for number in range(minutes // (FIVE_MINUTES // 60) - 1)]
    await store.replace(rebuilt(new, windows))
    assert await readings_of(store) == new
    assert await aggregates_of(store) == windows
