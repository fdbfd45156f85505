"""What is due for all sensors at the same moment is done for each in its turn."""

from collections import Counter

from streams.handover import CLOSES_AFTER_MS
from streams.schedule import TURNS_MS, WAITS_MS, turn_of
from streams.windows import LATENESS_MS
from tests.streams.tracking import HOUR, MINUTE, SECOND, T0, Tracker, heard, tick

SENSORS = [f"7c:c6:b6:00:{number // 256:02x}:{number % 256:02x}" for number in range(400)]
END = T0 + HOUR
EVERY = 10 * SECOND


def told(*, recover_at: int | None = None) -> tuple[dict[str, int], dict[str, int], Tracker]:
    """One packet of each sensor in the last minute of an hour: by which tick its window is final, and its hour told."""
    track, final, hour = Tracker(), dict[str, int](), dict[str, int]()
    track.fold([tick(HOUR - 2 * MINUTE, offset=0)])
    track.fold([heard(HOUR - MINUTE, offset=1 + place, sensor=each) for place, each in enumerate(SENSORS)])
    for place, at in enumerate(range(HOUR, HOUR + 25 * MINUTE, EVERY)):
        if at == recover_at:
            track.recover()
        track.written.clear()
        track.fold([tick(at, offset=1000 + place)])
        for each in track.aggregates:
            if each.final and each.width == 300:
                assert each.sensor not in final, "told twice"
                final[each.sensor] = T0 + at
        for delivery in track.deliveries:
            hour.setdefault(delivery.sensor, T0 + at)
    return final, hour, track


def test_each_sensor_has_its_turn_and_none_comes_early_or_later_than_that() -> None:
    final, hour, _ = told()
    for due, waits in ((final, WAITS_MS), (hour, 0)):
        assert due.keys() == set(SENSORS)
        for sensor, at in due.items():
            turn = END + LATENESS_MS + turn_of(sensor.encode()) + waits
            assert turn <= at < turn + EVERY
            assert at <= END + CLOSES_AFTER_MS


def test_a_sensor_that_speaks_tells_it_at_its_turn_with_its_reading() -> None:
    track, offset = Tracker(), 0
    final = dict[str, int]()
    for at in range(HOUR - 2 * MINUTE, HOUR + 25 * MINUTE, EVERY):
        track.fold([tick(at, offset=offset)])
        for sensor in SENSORS[:40]:
            offset += 1
            track.written.clear()
            track.fold([heard(at, offset=offset, sensor=sensor)])
            if any(each.final and each.width == 300 and each.start == END - 5 * MINUTE for each in track.aggregates):
                final[sensor] = T0 + at
    assert final.keys() == set(SENSORS[:40])
    for sensor, when in final.items():
        turn = END + LATENESS_MS + turn_of(sensor.encode())
        assert turn <= when < turn + EVERY


def test_no_tick_has_many_of_them() -> None:
    final, hour, _ = told()
    for due in (final, hour):
        fair = len(SENSORS) * EVERY / TURNS_MS
        assert max(Counter(due.values()).values()) < 3 * fair


def test_a_restart_in_between_changes_nothing() -> None:
    final, hour, track = told()
    again, hours_again, other = told(recover_at=HOUR + 17 * MINUTE)
    assert (again, hours_again) == (final, hour)
    assert other.changelog == track.changelog
