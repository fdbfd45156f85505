"""Offsets of the registry: added where a reading is made, while copies are known by what the sensor said."""

from pathlib import Path

import pytest

from history.sqlite import SqliteHistory
from schemas.aggregate import FIVE_MINUTES
from schemas.registry import Entry, Offset, Registry
from tests.streams.replay.logs import SENSORS
from tests.streams.replay.rebuilding import SECOND_DAY, THREE_DAYS, export, readings_of, replay
from tests.streams.tracking import SECOND, SENSOR, T0, Tracker, heard, number, tick, ticks

MINUTE = 60 * SECOND


def offset(since: int, value: float, sensor: str = SENSOR) -> Registry:
    return Registry([Entry(sensor, offsets={"temperature": (Offset(since, value),)})])


def test_a_reading_has_what_is_right_and_what_was_said() -> None:
    tracker = Tracker(registry=offset(T0 + MINUTE, -0.3))
    tracker.fold([heard(0, offset=0, values={"temperature": 22.3, "humidity": 46})])
    tracker.fold([heard(MINUTE, offset=1, values={"temperature": 22.3, "humidity": 46})])
    before, after = tracker.readings
    assert (before.values, before.measured) == ({"temperature": 22.3, "humidity": 46}, {})
    assert (after.values, after.measured) == ({"temperature": 22.0, "humidity": 46}, {"temperature": 22.3})
    assert after.said == before.values


def test_latest_and_windows_have_what_is_right() -> None:
    tracker = Tracker(registry=offset(0, 0.5))
    packets = [(at, lambda offset, at=at: heard(at, offset=offset, values={"temperature": 20.0})) for at in (0, MINUTE)]
    tracker.fold(number([*packets, *ticks(0, 40 * MINUTE)]))
    assert [each.values["temperature"].value for each in tracker.latest] == [20.5]
    final = [each for each in tracker.aggregates if each.final and each.width == FIVE_MINUTES]
    assert [(each.count, each.min, each.max, each.mean) for each in final] == [(2, 20.5, 20.5, 20.5)]


def test_latest_tells_what_was_said_as_long_as_the_value_stands_also_after_a_restart() -> None:
    tracker = Tracker(registry=offset(0, 0.5))
    tracker.fold([heard(0, offset=0, values={"temperature": 20.0, "humidity": 40})])
    tracker.recover()
    tracker.fold([heard(MINUTE, offset=1, values={"humidity": 41})])
    tracker.registry = Registry()
    tracker.fold([heard(2 * MINUTE, offset=2, values={"temperature": 21.0})])
    assert [each.measured for each in tracker.latest] == [{"temperature": 20.0}, {"temperature": 20.0}, {}]


def test_windows_have_what_was_right_then_also_of_repeated_values_and_after_a_restart() -> None:
    tracker = Tracker(registry=offset(0, 0.5))
    for minute in range(4):
        tracker.registry = offset(0, 0.5 + minute)
        tracker.fold([heard(minute * MINUTE, offset=minute, values={"temperature": [20.0, 30.25], "humidity": 40})])
        tracker.recover()
    tracker.registry = Registry()
    tracker.fold([heard(4 * MINUTE, offset=4, values={"temperature": 10.0})])
    tracker.recover()
    tracker.fold([tick(40 * MINUTE, offset=9)])
    held = {
        (each.quantity, each.index): each for each in tracker.aggregates if each.final and each.width == FIVE_MINUTES
    }
    assert [(each.count, each.min, each.max, each.mean) for _, each in sorted(held.items())] == [
        (4, 40.0, 40.0, 40.0),
        (5, 10.0, 23.5, 19.6),
        (4, 30.75, 33.75, 32.25),
    ]


@pytest.mark.parametrize("packet_id", [78, None])
def test_a_copy_is_known_though_the_offset_changed_in_between(packet_id: int | None) -> None:
    values = {"temperature": 22.3} | ({} if packet_id is None else {"packet_id": packet_id})
    tracker = Tracker(registry=offset(0, -0.3))
    tracker.fold([heard(0, offset=0, values=values)])
    tracker.registry = offset(0, 5)
    tracker.fold([heard(150, offset=1, values=values, gateway="gw-b")])
    assert [reading.values["temperature"] for reading in tracker.readings] == [22.0]


async def test_a_replay_corrects_earlier_readings_and_windows_by_the_registry_of_today(tmp_path: Path) -> None:
    """And only them: the same registry gives the same bytes, none gives what was there before."""
    history, sensor = SqliteHistory(tmp_path / "history.sqlite"), SENSORS[0]
    await replay(history, THREE_DAYS)
    plain = await export(history)
    said = {each.measured_at: each.values["temperature"] for each in await readings_of(history, sensor)}
    noon = (SECOND_DAY.start + SECOND_DAY.end) // 2
    for _ in range(2):
        await replay(history, THREE_DAYS, registry=offset(noon, -0.3, sensor))
        held = await readings_of(history, sensor)
        assert {each.measured_at: each.said["temperature"] for each in held} == said
        for each in held:
            moved = -0.3 if each.measured_at >= noon else 0
            assert each.values["temperature"] == pytest.approx(said[each.measured_at] + moved)
            assert bool(each.measured) is bool(moved)
        assert any(each.measured for each in held)
        assert not any(each.measured for each in await readings_of(history, SENSORS[1]))
    corrected = await export(history)
    assert corrected != plain
    await replay(history, THREE_DAYS)
    assert await export(history) == plain
    await history.close()
