"""What every history engine promises of deliveries, and of the readings that they are compared with."""

import msgspec
import pytest

from history.store import DAY_MS, ReadingRejected, RebuiltDay
from schemas.delivery import HOUR_MS, Delivery
from tests.contract.engines import COMPARING, MINUTE, SENSOR, START, Store, delivery, reading

OTHER = "f8:44:77:3a:0e:4b"
EVER = 2**62
HOUR0 = delivery(0).start
MIDNIGHT = START - START % DAY_MS


async def held(store: Store, sensor: str = SENSOR, start: int = 0, end: int = EVER) -> list[Delivery]:
    return list(await store.deliveries(sensor, start, end))


async def test_a_store_that_was_never_written_has_none(store: Store) -> None:
    assert await held(store) == []
    assert await store.stored(SENSOR, 0, EVER) == {}


async def test_hours_come_back_whole_in_order_and_by_half_open_ranges(store: Store) -> None:
    given = [delivery(hour, unknown=hour * 1234, final=hour != 3) for hour in range(4)]
    await store.write_deliveries([*reversed(given), delivery(sensor=OTHER)])
    assert await held(store) == given
    assert await held(store, OTHER) == [delivery(sensor=OTHER)]
    assert await held(store, start=given[1].start, end=given[3].start) == given[1:3]
    assert await held(store, start=given[1].start + 1, end=given[3].start + 1) == given[2:4]


async def test_a_higher_revision_replaces_and_writing_again_changes_nothing(store: Store) -> None:
    first, second = delivery(revision=5, final=False), delivery(revision=6, heard=59)
    for one, expected in ((first, first), (first, first), (second, second)):
        await store.write_deliveries([one])
        assert await held(store) == [expected]
    await store.write_deliveries([delivery(revision=8, heard=60), delivery(revision=7)])
    assert await held(store) == [delivery(revision=8, heard=60)]


async def test_an_hour_of_fewer_packets_replaces_none(engine: str, store: Store) -> None:
    """A state that began in the midst of an hour knows less of it, however new it is."""
    whole, part = delivery(revision=5), delivery(revision=9, heard=20)
    await store.write_deliveries([whole])
    await store.write_deliveries([part])
    assert await held(store) == [whole if engine in COMPARING else part]


async def test_another_generations_hours_take_the_place_whatever_their_revisions(store: Store) -> None:
    await store.write_deliveries([delivery(0, revision=900), delivery(1, revision=900, final=False)])
    new = [delivery(0, revision=3, heard=50), delivery(1, revision=4)]
    for _ in range(2):
        await store.take_over_deliveries(new)
        assert await held(store) == new


@pytest.mark.parametrize("changes", [{"start": 2**70}, {"revision": 2**64}, {"expected": 2**63}])
async def test_what_can_never_be_stored_is_rejected(store: Store, changes: dict[str, int]) -> None:
    with pytest.raises(ReadingRejected):
        await store.write_deliveries([delivery(0), msgspec.structs.replace(delivery(1), **changes)])
    await store.write_deliveries([delivery(0)])
    assert await held(store) == [delivery(0)]


async def test_stored_readings_are_counted_by_the_hour_in_which_they_were_measured(store: Store) -> None:
    await store.write([*(reading(number) for number in range(120)), reading(0, sensor=OTHER)])
    in_first = (HOUR0 + HOUR_MS - START + MINUTE - 1) // MINUTE
    last = HOUR0 + 2 * HOUR_MS
    counts = {HOUR0: in_first, HOUR0 + HOUR_MS: 60, last: 60 - in_first}
    assert await store.stored(SENSOR, HOUR0, HOUR0 + 5 * HOUR_MS) == counts
    assert await store.stored(SENSOR, HOUR0 + HOUR_MS, last) == {HOUR0 + HOUR_MS: 60}
    assert await store.stored(OTHER, HOUR0, last) == {HOUR0: 1}


async def test_a_rebuilt_day_replaces_its_closed_hours_and_adds_to_the_open_ones(store: Store) -> None:
    other_day = delivery(-24, revision=9)
    held_before = [delivery(0, revision=900), delivery(1, revision=900), delivery(2, revision=900, heard=30)]
    await store.write_deliveries([other_day, *held_before, delivery(sensor=OTHER)])
    await store.write([reading(0), reading(30), reading(90)])
    new = [delivery(0, revision=3, heard=50), delivery(2, revision=1, heard=20), delivery(3, revision=1)]
    closed = HOUR0 + 2 * HOUR_MS
    # a reading that moves, so that what lies around it is deleted where engines delete by spans
    readings = [msgspec.structs.replace(each, measured_at=each.measured_at + 17) for each in (reading(0), reading(90))]
    day = RebuiltDay(SENSOR, MIDNIGHT, MIDNIGHT + DAY_MS, readings, [], lambda each: True, closed, new)
    for _ in range(2):
        await store.replace(day)
        assert await held(store) == [other_day, new[0], held_before[2], new[2]]
        assert [each.measured_at async for each in store.readings(SENSOR, 0, EVER)] == [
            each.measured_at for each in readings
        ]
    assert await held(store, OTHER) == [delivery(sensor=OTHER)]


async def test_deliveries_are_no_readings_and_no_aggregates(store: Store) -> None:
    await store.write_deliveries([delivery()])
    assert list(await store.newest()) == []
    assert [each async for each in store.readings(SENSOR, 0, EVER)] == []
    assert [each async for each in store.aggregates(SENSOR, 3600, 0, EVER)] == []
