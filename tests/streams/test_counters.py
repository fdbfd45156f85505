"""Encryption counters: replays are refused and kept, late packets and new batteries are not taken for them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.advertisement import Coordinate, CounterReset
from schemas.dead_letter import dead_letter_facts
from schemas.reading import Reading
from streams.fold import Outcome, fold
from streams.sensor_state import SensorState
from tests.streams.tracking import SECOND, SENSOR, T0, Tracker, heard

Packet = tuple[int, int]  # seconds, counter


def outcomes(*packets: Packet) -> list[Outcome]:
    state = SensorState()
    return [fold(state, packet(n, *each)).outcome for n, each in enumerate(packets)]


def packet(offset: int, at: int, counter: int, **more: str) -> Any:
    return heard(at * SECOND, offset=offset, values={"temperature": 20 + counter / 10}, counter=counter, **more)  # type: ignore[arg-type]


HIGH = (0, 1_000)


@pytest.mark.parametrize(
    ("packets", "expected"),
    [
        pytest.param([HIGH, (1, 1_001)], ["accept", "accept"], id="counts up"),
        pytest.param([HIGH, (1, 1_000)], ["accept", "drop"], id="equal: a copy"),
        pytest.param([HIGH, (600, 1_000)], ["accept", "drop"], id="equal, ten minutes later: no reading"),
        pytest.param([HIGH, (1, 999)], ["accept", "drop_replay"], id="lower"),
        pytest.param([HIGH, (600, 7)], ["accept", "drop_replay"], id="a small counter has no privilege"),
        pytest.param([(60, 1_001), HIGH], ["accept", "accept"], id="lower and measured before: late"),
        pytest.param(
            [HIGH, (60, 1_001), (120, 1_002), (600, 1_000)],
            ["accept", "accept", "accept", "drop_replay"],
            id="a remembered packet again",
        ),
        pytest.param(
            [HIGH, *((60 * n, n) for n in range(1, 8))],
            ["accept", *["drop_replay"] * 4, "accept", "accept", "accept"],
            id="a new battery: the fifth counts",
        ),
        pytest.param(
            [HIGH, *((10 * n, n) for n in range(1, 8))], ["accept", *["drop_replay"] * 7], id="too fast for a battery"
        ),
        pytest.param(
            [HIGH, *((60 * n, 50 - n) for n in range(1, 9))], ["accept", *["drop_replay"] * 8], id="counting down"
        ),
        pytest.param(
            [HIGH, *((60 * n, 5) for n in range(1, 9))], ["accept", *["drop_replay"] * 8], id="one again and again"
        ),
        pytest.param(
            [(60 * n, 1_000 + n) for n in range(6)] + [(360 + 60 * n, 1_000 + n) for n in range(5)],
            [*["accept"] * 6, *["drop_replay"] * 5],
            id="what was heard lately, played back in order",
        ),
        pytest.param(
            [HIGH, (60, 1), (120, 2), (180, 1_001), (240, 3), (300, 4), (360, 5)],
            ["accept", "drop_replay", "drop_replay", "accept", *["drop_replay"] * 3],
            id="the sensor itself still counts on",
        ),
    ],
)
def test_what_becomes_of_packets(packets: list[Packet], expected: list[Outcome]) -> None:
    assert outcomes(*packets) == expected


def test_a_replay_says_nothing_of_the_sensor_and_is_kept() -> None:
    track = Tracker()
    track.fold([packet(0, 0, 1_000), packet(1, 300, 999, gateway="gw-b"), packet(2, 400, 1_000, gateway="gw-b")])
    (letter,) = track.dead_letters
    assert dead_letter_facts(letter.headers)["reason"] == "counter_replayed"
    assert dead_letter_facts(letter.headers)["stage"] == "track"
    state = track.states[SENSOR.encode()]
    assert (state.last_seen, list(state.receptions)) == (T0, ["gw-a"])
    assert len(track.readings) == 1


def test_the_first_reading_of_a_new_battery_is_flagged() -> None:
    track = Tracker()
    track.fold([packet(0, 0, 1_000), *(packet(n, 60 * n, n) for n in range(1, 7))])
    assert [reading.flags for reading in track.readings] == [(), ("counter_reset",), ()]
    assert len(track.dead_letters) == 4


def test_an_operators_word_forgets_the_counter_once() -> None:
    reset = CounterReset(SENSOR, T0, Coordinate(0, 1, 5, 0))
    track = Tracker()
    track.fold([packet(0, 0, 1_000), reset, packet(1, 60, 7), reset, packet(2, 61, 6)])
    assert [reading.counter for reading in track.readings] == [1_000, 7]
    assert len(track.dead_letters) == 1, "the reset came again and was fenced"


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 40)), max_size=40))
def test_no_counter_is_read_twice_without_a_reset(packets: list[Packet]) -> None:
    state, read = SensorState(), list[Reading]()
    for offset, each in enumerate(packets):
        reading = fold(state, packet(offset, *each)).reading
        read += [reading] if reading else []
    counters = [reading.counter for reading in read]
    if not any(reading.flags for reading in read):
        assert len(counters) == len(set(counters))


def test_counters_live_through_a_kill() -> None:
    track = Tracker()
    for n in range(3):
        record = packet(n, at=n * 60, counter=9 - n)
        track.fold([record], survives=False)
        track.fold([record])
        track.recover()
    assert [reading.counter for reading in track.readings] == [9, 9], "the same one, written before and after the kill"
