"""Silence and speech in the stream: what a person would say of the sensor, whatever order the log came in."""

from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.advertisement import Tick
from schemas.freshness import Transition
from schemas.gateway import GatewayChange
from schemas.registry import Entry, Registry
from tests.streams.tracking import HOUR, MINUTE, SECOND, SENSOR, T0, Event, Record, Tracker, heard, number, tick, ticks


def beacons(start: int, end: int, **more: Any) -> list[Event]:
    """One packet a minute in [start, end]."""
    return [(at, partial(heard, at, **more)) for at in range(start, end + 1, MINUTE)]


def test_a_silent_sensor_goes_late_stale_lost_and_its_last_window_closes() -> None:
    track = Tracker()
    track.fold(number([*beacons(MINUTE, 10 * MINUTE), *ticks(0, 2 * HOUR)]))
    last = 600
    assert track.words == [
        ("fresh", 60, None),
        ("late", last + 3 * 60, "sensor"),
        ("stale", last + 5 * 60, "sensor"),
        ("lost", last + 60 * 60, "sensor"),
    ]
    late = track.transitions[1]
    assert (late.previous, late.last_seen, late.gateway) == ("fresh", T0 + 10 * MINUTE, "gw-a")
    window = track.applied()[f"{SENSOR}|temperature|0|300|{T0 + 10 * MINUTE}".encode()]
    assert (window.count, window.final) == (1, True)


def test_it_is_fresh_again_when_it_speaks() -> None:
    track = Tracker()
    track.fold(number([*beacons(0, 0), *beacons(4 * MINUTE, 6 * MINUTE), *ticks(0, 8 * MINUTE)]))
    assert track.words == [("fresh", 0, None), ("late", 180, "sensor"), ("fresh", 240, None)]


def test_the_interval_is_what_the_registry_expects_even_if_it_changes_meanwhile() -> None:
    track = Tracker(registry=Registry([Entry(SENSOR, interval_ms=10 * MINUTE)]))
    log = number([*beacons(0, 0), *ticks(0, 40 * MINUTE)])
    track.fold(log[:40])
    assert track.words == [("fresh", 0, None)]
    track.registry = Registry([Entry(SENSOR, interval_ms=5 * MINUTE)])
    track.fold(log[40:])
    assert track.words[1:] == [("late", 15 * 60, "sensor"), ("stale", 25 * 60, "sensor")]


def test_a_gateway_that_dies_takes_its_sensors_with_cause_gateway() -> None:
    dead = GatewayChange("gw-a", silent=True, at=T0 + 10 * MINUTE)
    told = 10 * MINUTE + 120 * SECOND
    other = "7c:c6:b6:00:00:01"
    track = Tracker()
    track.fold(
        number(
            [
                *beacons(0, 10 * MINUTE),
                *beacons(0, 10 * MINUTE, sensor=other),
                *beacons(0, 60 * MINUTE, sensor=other, gateway="gw-b"),
                *ticks(0, told - 1),
                (told, partial(tick, told, gateways=[dead])),
                *ticks(told + 30 * SECOND, 30 * MINUTE),
            ]
        )
    )
    mine = [each for each in track.transitions if each.sensor == SENSOR]
    assert [(each.freshness, each.cause) for each in mine] == [
        ("fresh", None),
        ("late", "gateway"),
        ("stale", "gateway"),
    ]
    assert [each.freshness for each in track.transitions if each.sensor == other] == ["fresh"], "gw-b still hears it"


def test_a_sensor_that_falls_silent_while_one_of_its_gateways_speaks_is_itself_the_cause() -> None:
    dead = GatewayChange("gw-a", silent=True, at=T0 + 10 * MINUTE)
    told = 12 * MINUTE
    track = Tracker()
    track.fold(
        number(
            [
                *beacons(0, 10 * MINUTE),
                *beacons(100, 10 * MINUTE, gateway="gw-b"),
                *ticks(0, told - 1),
                (told, partial(tick, told, gateways=[dead])),
                *ticks(told + 30 * SECOND, 15 * MINUTE),
            ]
        )
    )
    assert track.words[1:] == [("late", 13 * 60, "sensor")]


def test_the_cause_is_the_same_if_the_gateways_partition_is_ahead() -> None:
    """What it brought later than the judgement in step had is not known, though it is there."""
    told = 180 * SECOND + 90 * SECOND
    dead = GatewayChange("gw-a", silent=True, at=T0 + 100 * SECOND)
    first = number([*beacons(0, 0), *ticks(0, told - 1), (told, partial(tick, told, gateways=[dead]))])
    second = [tick(at, offset=at, partition=1) for at in range(0, told + 1, 30 * SECOND)]
    in_step, ahead = Tracker(2), Tracker(2)
    in_step.fold(sorted([*first, *second], key=arrival))
    ahead.fold([*first, *second])
    assert in_step.words == ahead.words == [("fresh", 0, None), ("late", 180, "sensor")]


def test_after_a_two_hour_backlog_there_is_no_false_alarm() -> None:
    """The frames waited in the MQTT broker with their own times, or were lost; the bridge sent no tick meanwhile."""
    back = 2 * HOUR + 10 * MINUTE
    before, after = ticks(0, 10 * MINUTE), ticks(back, back + 10 * MINUTE)
    live = [*beacons(0, 10 * MINUTE), *beacons(back + SECOND, back + 10 * MINUTE)]
    waited: list[Event] = [
        (back - SECOND, partial(heard, at, arrived=back - SECOND)) for at in range(11 * MINUTE, back, MINUTE)
    ]
    unknown: list[Event] = [(back - SECOND, partial(heard, back - SECOND, time_source="unknown"))] * 3
    nothing: list[Event] = []
    for missed in (waited, nothing, unknown):
        track = Tracker()
        track.fold(number([*before, *live, *missed, *after]))
        assert track.words == [("fresh", 0, None)]


def test_a_stack_that_was_off_for_days_calls_nobody_lost_who_speaks_again() -> None:
    """The half hour of the archive is folded again, ticks and all, and then comes today."""
    back, restored = 72 * HOUR, {"flags": ("restored",)}
    track = Tracker()
    live = [*beacons(0, 30 * MINUTE, **restored), *beacons(back + MINUTE, back + 10 * MINUTE)]
    other = beacons(0, 30 * MINUTE, sensor="7c:c6:b6:00:00:01", **restored)
    track.fold(number([*live, *other, *ticks(0, 30 * MINUTE), *ticks(back, back + 10 * MINUTE)]))
    mine = [each.freshness for each in track.transitions if each.sensor == SENSOR]
    silent = [(each.freshness, each.at - T0 - back) for each in track.transitions if each.sensor != SENSOR]
    assert mine == ["fresh"]
    assert silent[1:] == [("late", 3 * MINUTE), ("stale", 5 * MINUTE)]


def test_silence_is_counted_from_where_listening_begins_again() -> None:
    back = 2 * HOUR
    track = Tracker()
    track.fold(number([*beacons(0, 5 * MINUTE), *ticks(0, 5 * MINUTE), *ticks(back, back + 10 * MINUTE)]))
    assert track.words[1:] == [
        ("late", back // SECOND + 180, "sensor"),
        ("stale", back // SECOND + 300, "sensor"),
    ]


def test_a_late_frame_refreshes_nothing() -> None:
    late = (6 * MINUTE + 1, partial(heard, 2 * MINUTE, arrived=6 * MINUTE + 1))
    track = Tracker()
    track.fold(number([*beacons(0, 0), late, *ticks(0, 10 * MINUTE)]))
    assert track.words == [("fresh", 0, None), ("late", 180, "sensor"), ("stale", 300, "sensor")]
    assert len(track.readings) == 2, "it is a reading all the same"


def test_a_time_that_nobody_knows_refreshes_nothing() -> None:
    unknown = (4 * MINUTE, partial(heard, 4 * MINUTE, time_source="unknown"))
    track = Tracker()
    track.fold(number([*beacons(0, 0), unknown, *ticks(0, 6 * MINUTE)]))
    assert track.words == [("fresh", 0, None), ("late", 180, "sensor"), ("stale", 300, "sensor")]


def test_the_clock_is_written_when_it_has_grown_in_every_raw_partition() -> None:
    track = Tracker(raw_partitions=2)
    track.fold([tick(0, offset=0, partition=0), tick(30 * SECOND, offset=1, partition=0)])
    assert track.clock == []
    track.fold([tick(0, offset=0, partition=1)])
    track.fold([heard(HOUR, offset=1, partition=1)])
    track.fold([tick(30 * SECOND, offset=2, partition=1)])
    assert track.clock == [T0, T0 + 30 * SECOND]


def test_a_kill_between_two_states_makes_no_packet_late() -> None:
    """The stream's clock is written last: recovered without the sensors, it would be ahead of their packets."""
    log = number([*beacons(0, 0), *ticks(0, 6 * MINUTE)])
    track = Tracker()
    track.fold(log[:6], survives=False, kept=1)
    track.fold(log)
    assert track.words == [("fresh", 0, None), ("late", 180, "sensor"), ("stale", 300, "sensor")]


PARTITIONS = 2
STEPS = 40  # ticks of 30 s
hearings = st.lists(
    st.tuples(
        st.integers(0, STEPS * 30 * SECOND),  # measured
        st.sampled_from([0, 0, 300, 5_000, 45_000, 70_000, 200_000]),  # delay
        st.integers(0, PARTITIONS - 1),
        st.integers(0, 1),  # gateway of the partition
        st.sampled_from([SENSOR, "7c:c6:b6:00:00:01"]),
    ),
    max_size=50,
)
outages = st.lists(st.tuples(st.integers(1, STEPS), st.integers(4, 12)), max_size=2)
changes = st.lists(
    st.tuples(st.integers(2, STEPS), st.integers(0, PARTITIONS - 1), st.integers(0, 1), st.booleans()), max_size=8
)


def partition_logs(
    heard_all: list[tuple[int, int, int, int, str]],
    away: list[tuple[int, int]],
    changed: list[tuple[int, int, int, bool]],
) -> list[list[Record]]:
    """One log a raw partition: ticks but for outages, and everything in its order of arrival."""
    listened = [n for n in range(STEPS + 200) if not any(start <= n < start + length for start, length in away)]
    logs = []
    for partition in range(PARTITIONS):
        events: list[Event] = []
        for n in listened:
            at = n * 30 * SECOND
            news = [
                GatewayChange(f"gw-{p}-{g}", silent, T0 + at - (130 if silent else 10) * SECOND)
                for step, p, g, silent in changed
                if (step, p) == (n, partition)
            ]
            events.append((at, partial(tick, at, partition=partition, gateways=news)))
        for measured, delay, p, g, sensor in heard_all:
            if p == partition:
                came = {"arrived": measured + delay, "gateway": f"gw-{p}-{g}", "sensor": sensor, "partition": p}
                events.append((measured + delay, partial(heard, measured, **came)))  # type: ignore[arg-type]
        logs.append(number(events))
    return logs


def arrival(record: Record) -> int:
    return record.time if isinstance(record, Tick) else record.received_at


def interleaved(logs: list[list[Record]], data: st.DataObject) -> list[Record]:
    """The logs mixed at random, each in its own order: one partition may be far ahead."""
    rest, mixed = [list(log) for log in logs], []
    while any(rest):
        log = rest[data.draw(st.sampled_from([n for n, log in enumerate(rest) if log]))]
        count = data.draw(st.integers(1, max(1, len(log))))
        mixed += log[:count]
        del log[:count]
    return mixed


def told(track: Tracker) -> set[tuple[Any, ...]]:
    found: dict[tuple[str, int, str], Transition] = {}
    for each in track.transitions:
        assert found.setdefault((each.sensor, each.at, each.freshness), each) == each, "repeated as it was"
    return {(e.sensor, e.at, e.freshness, e.previous, e.cause, e.last_seen, e.gateway) for e in found.values()}


@settings(max_examples=150, deadline=None)
@given(hearings, outages, changes, st.data())
def test_a_replay_gives_the_same_transitions(
    heard_all: list[tuple[int, int, int, int, str]],
    away: list[tuple[int, int]],
    changed: list[tuple[int, int, int, bool]],
    data: st.DataObject,
) -> None:
    """Other interleavings of the raw partitions, other batches, kills between fold and changelog."""
    logs = partition_logs(heard_all, away, changed)
    in_order = Tracker(PARTITIONS)
    in_order.fold(
        sorted((r for log in logs for r in log), key=lambda r: r.time if hasattr(r, "time") else r.received_at)
    )
    expected = told(in_order)
    replay, log, done = Tracker(PARTITIONS), interleaved(logs, data), 0
    while done < len(log):
        size = data.draw(st.integers(1, len(log)))
        survives = data.draw(st.booleans())
        replay.fold(log[done : done + size], survives=survives, kept=data.draw(st.integers(0, 3)))
        done += size if survives else 0
        if not survives:
            replay.fold(log[done : done + 1])
            done += 1
            replay.recover()
    assert told(replay) == expected
