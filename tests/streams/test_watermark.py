"""The stream's clock: the least of all raw partitions' ticks, what they told, and its state through versions."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from schemas.gateway import GatewayChange
from schemas.registry import Registry
from streams.schedule import Schedule
from streams.state_codec import dump, load
from streams.watermark import Watermark

HOUR = 3_600_000


def test_it_is_unknown_until_every_raw_partition_was_heard_of() -> None:
    watermark = Watermark(2)
    watermark.saw(0, 50)
    assert watermark.time == 0
    watermark.saw(1, 40)
    watermark.saw(1, 30)
    assert watermark.time == 40
    assert Watermark.load(watermark.dump(), 2).time == 40


def test_a_gap_between_ticks_is_kept_for_a_day_and_only_if_nobody_listened() -> None:
    watermark = Watermark(1)
    for time in (10, 10 + 90_000, 10 + 180_001):
        watermark.saw(0, time)
    watermark.forget()
    assert watermark.listening.gaps == [(90_010, 180_011)]
    for hours in range(1, 30):
        watermark.saw(0, 200_000 + hours * HOUR)
    watermark.forget()
    assert (90_010, 180_011) not in watermark.listening.gaps


def test_a_silence_ends_with_the_gateways_return_and_is_told_once() -> None:
    watermark = Watermark(1)
    silent, back = GatewayChange("gw", silent=True, at=5), GatewayChange("gw", silent=False, at=200_000)
    watermark.saw(0, 130_000, [silent])
    watermark.saw(0, 130_000, [silent])
    watermark.saw(0, 160_000, [silent])
    assert watermark.listening.silences == {"gw": [[5, 130_000, 0]]}
    watermark.saw(0, 210_000, [back, back])
    again = Watermark.load(watermark.dump(), 1)
    assert again.listening.silences == {"gw": [[5, 130_000, 200_000]]}
    again.saw(0, 300_000)
    again.forget()
    assert again.listening.silences == {}


def test_the_clock_of_the_first_version_is_read() -> None:
    stored = (90).to_bytes(8, "big") + msgspec.msgpack.encode({0: 50, 1: 40})
    assert Watermark.load(stored, 2).time == 40


def test_a_state_of_the_first_version_is_read_and_its_sensor_can_fall_silent() -> None:
    newest = [1_000, "gateway", "gw-a", -66, 7, []]
    old = [1, 5, {0: [0, 3, 0]}, [[7, None, 1_000, 1_050, {"temperature": 20}]], newest, 1_000, 1, {}, {}]
    state = load((5).to_bytes(8, "big") + msgspec.msgpack.encode(old))
    assert (state.revision, state.fences) == (5, {0: (0, 3, 0)})
    assert (state.packets.heard_by, state.packets.native) == ([0], [False])
    assert state.silence.hearings == {"gw-a": [1_000]}
    assert dump(load(dump(state))) == dump(state)


moves = st.lists(st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers(0, 100))), max_size=10)


@given(st.lists(st.tuples(moves, st.integers(0, 100)), max_size=10))
def test_a_schedule_gives_each_key_once_when_the_time_that_was_said_last_has_come(
    rounds: list[tuple[list[tuple[int, int | None]], int]],
) -> None:
    schedule, due = Schedule([(7, b"0"), (3, b"1")], Registry()), {b"0": 7, b"1": 3}
    for puts, now in sorted(rounds, key=lambda each: each[1]):
        for name, time in puts:
            key = b"%d" % name
            schedule.put(key, time)
            if time is None:
                due.pop(key, None)
            else:
                due[key] = time
        assert list(schedule.pop(now)) == sorted(
            (key for key in due if due[key] <= now), key=lambda key: (due[key], key)
        )
        due = {key: time for key, time in due.items() if time > now}


def test_a_sensor_that_speaks_in_time_has_one_place_in_the_schedule() -> None:
    schedule = Schedule([], Registry())
    for now in range(1_000):
        schedule.put(b"speaks", now + 3)
        schedule.put(b"silent", 1_000)
        assert list(schedule.pop(now)) == []
    assert len(schedule._heap) == 2
