"""Windows against a computation that holds all readings at once, whatever the order in which they came."""

from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.advertisement import Tick
from schemas.aggregate import DAY, FIVE_MINUTES, HOUR, WIDTHS, Aggregate, window_start
from schemas.reading import Reading
from streams.deduplicate import MEMORY_MS
from streams.handover import CLOSES_AFTER_MS
from streams.schedule import WAITS_MS
from streams.windows import LATE_FOR_WINDOWS, LATENESS_MS
from tests.streams.tracking import MINUTE, SECOND, SENSOR, T0, Event, Record, Tracker, heard, number, tick, ticks

THREE_DAYS = 3 * DAY * SECOND
Facts = tuple[int, float, float, float, float, int, float, int]


def brute_force(readings: list[Reading]) -> dict[tuple[str, int, int, int], Facts]:
    """(quantity, index, width, start) -> count, min, max, mean, first, first_at, last, last_at."""
    groups = defaultdict[tuple[str, int, int, int], list[tuple[int, float]]](list)
    for reading in readings:
        for name, value in reading.values.items():
            for index, item in enumerate(value if isinstance(value, list) else [value]):
                for width in WIDTHS:
                    start = window_start(reading.measured_at, width)
                    groups[name, index, width, start].append((reading.measured_at, item))
    found = {}
    for key, points in groups.items():
        points.sort()
        numbers = [value for _, value in points]
        exact = sum((Decimal(str(value)) for value in numbers), Decimal()) / len(numbers)
        # halves up towards plus infinity, as for the values themselves
        mean = float((exact + 10_000).quantize(Decimal("0.000001"), ROUND_HALF_UP) - 10_000)
        (first_at, first), (last_at, last) = points[0], points[-1]
        found[key] = (len(numbers), min(numbers), max(numbers), mean, first, first_at, last, last_at)
    return found


def in_windows(track: Tracker) -> list[Reading]:
    """The readings that windows take, each once however often it was written."""
    once = {reading.at: reading for reading in track.readings}
    return [r for r in once.values() if LATE_FOR_WINDOWS not in r.flags and r.time_source != "unknown"]


def applied(track: Tracker) -> dict[tuple[str, int, int, int], Facts]:
    return {
        (a.quantity, a.index, a.width, a.start): (a.count, a.min, a.max, a.mean, a.first, a.first_at, a.last, a.last_at)
        for a in track.applied().values()
    }


events = st.lists(
    st.tuples(
        st.integers(-40 * MINUTE, 40 * MINUTE),  # measured, around a midnight
        st.sampled_from([0, 200, 40_000, 6 * MINUTE, 14 * MINUTE, 30 * MINUTE]),
        st.integers(-400, 850),
        st.booleans(),  # a second temperature in the packet
        st.integers(0, 1),  # raw partition
        st.integers(1, 3),  # copies
    ),
    max_size=40,
)


def logs_of(heard_all: list[tuple[int, int, int, bool, int, int]]) -> list[list[Record]]:
    events_of: list[list[Event]] = [ticks(-60 * MINUTE, 90 * MINUTE), ticks(-60 * MINUTE, 90 * MINUTE)]
    for n, (measured, delay, tenths, twice, p, copies) in enumerate(heard_all):
        value = tenths / 10
        temperature = [value, (tenths + 10) / 10] if twice else value
        values = {"packet_id": n, "temperature": temperature, "battery": 90, "opening": True}
        for copy in range(copies):
            came: dict[str, Any] = {"arrived": measured + delay + copy, "values": values, "gateway": f"gw-{copy}"}
            events_of[p].append((measured + delay + copy, partial(heard, measured, partition=p, **came)))
    return [
        [*number((at, partial(make, partition=p) if make.func is tick else make) for at, make in each),  # type: ignore[attr-defined]
         tick(THREE_DAYS, offset=10_000, partition=p)]
        for p, each in enumerate(events_of)
    ]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(events, st.data())
def test_any_order_copies_and_redelivery_give_what_all_readings_together_say(
    heard_all: list[tuple[int, int, int, bool, int, int]], data: st.DataObject
) -> None:
    rest, track = logs_of(heard_all), Tracker(raw_partitions=2)
    while any(rest):
        log = rest[data.draw(st.sampled_from([n for n, log in enumerate(rest) if log]))]
        count = data.draw(st.integers(1, len(log)))
        if not data.draw(st.booleans()):
            track.fold(log[:count], survives=False, kept=data.draw(st.integers(0, 2)))
        track.fold(log[:count])
        del log[:count]
        if data.draw(st.booleans()):
            track.recover()
    expected = brute_force([_numbers_only(reading) for reading in in_windows(track)])
    assert applied(track) == expected
    assert all(aggregate.final for aggregate in track.applied().values())


def _numbers_only(reading: Reading) -> Reading:
    values = {name: value for name, value in reading.values.items() if not isinstance(value, bool)}
    return Reading(
        reading.sensor, reading.measured_at, reading.received_at, reading.time_source, reading.gateway, values,
        reading.format, reading.at,
    )  # fmt: skip


def test_an_open_window_is_published_in_its_middle_and_at_its_end_and_final_after_15_minutes() -> None:
    track = Tracker()
    readings: list[Event] = [
        (at, partial(heard, at, values={"humidity": 50, "packet_id": at // SECOND % 256}))
        for at in range(SECOND, 5 * MINUTE, 5 * SECOND)
    ]
    for record in number([*readings, *ticks(0, 25 * MINUTE)]):
        track.fold([record])
    fives = [each for each in track.aggregates if each.width == FIVE_MINUTES]
    assert [(each.count, each.final) for each in fives] == [(1, False), (31, False), (60, False), (60, True)]
    assert [each.revision for each in fives] == sorted({each.revision for each in fives})
    assert {each.width for each in track.aggregates} == {FIVE_MINUTES, HOUR, DAY}
    assert not any(each.final for each in track.aggregates if each.width != FIVE_MINUTES)


def told_of(track: Tracker, width: int) -> list[int]:
    """How many readings each record of that width holds, in the order they were written."""
    return [each.count for each in track.aggregates if each.width == width]


def test_an_hour_is_told_with_each_quarter_and_a_day_with_each_hour() -> None:
    track = Tracker()
    readings: list[Event] = [(at, partial(heard, at)) for at in range(SECOND, 120 * MINUTE, MINUTE)]
    for record in number([*readings, *ticks(0, 140 * MINUTE)]):
        track.fold([record])
    assert told_of(track, HOUR) == [15, 30, 45, 60] * 2
    assert [each.final for each in track.aggregates if each.width == HOUR] == [False, False, False, True] * 2
    assert told_of(track, DAY) == [60, 120]


def test_what_falls_silent_within_a_quarter_is_told_with_the_last_that_it_said() -> None:
    track = Tracker()
    track.fold(number([*[(at, partial(heard, at)) for at in (SECOND, 6 * MINUTE)], *ticks(0, 40 * MINUTE)]))
    assert told_of(track, HOUR) == [2]
    assert told_of(track, DAY) == [2]


def test_what_a_sensor_said_before_it_fell_silent_is_published_soon() -> None:
    track = Tracker()
    track.fold(number([(0, partial(tick, 0)), *[(at, partial(heard, at)) for at in (SECOND, 2 * SECOND, 3 * SECOND)]]))
    assert told_of(track, FIVE_MINUTES) == [1], "as nothing was published before"
    for offset, at in enumerate(range(0, 4 * MINUTE, 5 * SECOND), 10):
        track.written.clear()
        track.fold([tick(at, offset=offset)])
        if track.aggregates:
            assert told_of(track, FIVE_MINUTES) == [3]
            assert at == -(-(3 * SECOND + WAITS_MS) // (5 * SECOND)) * 5 * SECOND
            return
    raise AssertionError("never published")


def test_what_a_gateway_kept_for_minutes_is_not_published_reading_by_reading() -> None:
    track = Tracker()
    track.fold([tick(0, offset=0), tick(20 * MINUTE, offset=1)])
    for offset, at in enumerate(range(6 * MINUTE, 19 * MINUTE, 10 * SECOND), 2):
        track.fold([heard(at, offset=offset, arrived=20 * MINUTE + SECOND)])
    assert len(track.readings) == 78
    assert len(track.aggregates) == 1
    track.fold([tick(20 * MINUTE + 2 * WAITS_MS, offset=100)])
    assert sum(each.count for each in track.applied().values() if each.width == FIVE_MINUTES) == 78


def test_a_restart_changes_nothing_where_a_window_had_nothing_to_publish() -> None:
    """A button has no numbers: its window is told to nobody, and that it was is part of the state."""

    def written(recover_at: int) -> list[Aggregate]:
        said: list[tuple[int, Any]] = [(31, 20.0), (290, 20.0), (301, None), (431, 21.0)]
        track, log = Tracker(), ticks(0, 12 * MINUTE)
        for packet_id, (at, value) in enumerate(said):
            more = {"button": "press"} if value is None else {"temperature": value}
            log.append((at * SECOND, partial(heard, at * SECOND, values={"packet_id": packet_id, **more})))
        for record in number(log):
            track.fold([record])
            if isinstance(record, Tick) and record.time == T0 + recover_at:
                track.recover()
        return list(track.aggregates)

    undisturbed = written(-1)
    assert len(undisturbed) >= 3
    for at in range(0, 12 * MINUTE, 30 * SECOND):
        assert written(at) == undisturbed


def test_a_packet_is_remembered_until_its_window_is_final() -> None:
    assert MEMORY_MS >= FIVE_MINUTES * SECOND + CLOSES_AFTER_MS


def test_a_reading_takes_with_it_what_is_due_and_writes_its_state_once() -> None:
    track, written = Tracker(), list[bytes]()
    readings: list[Event] = [(at, partial(heard, at)) for at in range(SECOND, 60 * MINUTE, MINUTE)]
    for record in number([*readings, *ticks(0, 59 * MINUTE)]):
        before = track.changelog.get(SENSOR.encode(), b"")
        track.fold([record])
        if track.changelog.get(SENSOR.encode(), b"") != before:
            written.append(record.__class__.__name__.encode())
    assert written.count(b"Tick") == 2, "that it is fresh now, and that its first hour of deliveries began"
    assert written.count(b"Advertisement") == len(readings)
    assert sum(each.final for each in track.aggregates) >= 7


def test_of_each_window_a_batch_publishes_the_last_only() -> None:
    readings: list[Event] = [(at, partial(heard, at)) for at in range(SECOND, 62 * MINUTE, 20 * SECOND)]
    log, one_by_one, at_once = number([*readings, *ticks(0, 62 * MINUTE)]), Tracker(), Tracker()
    for record in log:
        one_by_one.fold([record])
    at_once.fold(log)
    assert at_once.applied() == one_by_one.applied()
    assert len(at_once.aggregates) == len(at_once.applied()) < len(one_by_one.aggregates)
    assert at_once.changelog == one_by_one.changelog


def test_what_comes_later_than_final_is_a_reading_and_changes_no_aggregate() -> None:
    track = Tracker()
    edge = 5 * MINUTE + LATENESS_MS
    in_time = (edge - 1, partial(heard, 10, arrived=edge - 1, values={"humidity": 50}))
    late = (edge + 1, partial(heard, 20, arrived=edge + 1, values={"humidity": 70}))
    track.fold(number([in_time, late, *ticks(0, 2 * edge)]))
    assert [reading.flags for reading in track.readings] == [(), (LATE_FOR_WINDOWS,)]
    assert {(each.count, each.max) for each in track.aggregates} == {(1, 50.0)}


def test_what_is_no_plausible_number_at_a_known_time_is_left_out() -> None:
    track = Tracker()
    odd: dict[str, Any] = {
        "opening": True,
        "text": "x",
        "button": {"event": "press"},
        "temperature": 20,
        "humidity": 130,
    }
    queued = (20, partial(heard, 20, values={"temperature": 1}, time_source="unknown"))
    restored = (30, partial(heard, 30, values={"temperature": 22}, flags=("restored",)))
    huge = (40, partial(heard, 40, values={"count": 1 << 60}))
    packet = (10, partial(heard, 10, values=odd, flags=("implausible:humidity",)))
    track.fold(number([packet, queued, restored, huge, *ticks(0, 30 * MINUTE)]))
    held = track.applied()[f"{SENSOR}|temperature|0|300|{T0}".encode()]
    assert (held.count, held.mean) == (2, 21.0)
    assert {each.quantity for each in track.aggregates} == {"temperature"}


def test_an_empty_window_produces_nothing() -> None:
    track = Tracker()
    track.fold(number([(1, partial(heard, 1)), (21 * MINUTE, partial(heard, 21 * MINUTE)), *ticks(0, 60 * MINUTE)]))
    starts = {each.start - T0 for each in track.aggregates if each.width == FIVE_MINUTES}
    assert starts == {0, 20 * MINUTE}
