"""Which time is believed."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.times import OUTAGE_BUDGET_MS, Measured, measured_time, to_milliseconds

NOW = 1759654322000
MINUTE = 60 * 1000


def at(offset_ms: int) -> float:
    return (NOW + offset_ms) / 1000


@pytest.mark.parametrize("offset", [0, 60_000, -15 * MINUTE, -460])
def test_live_time_near_arrival_is_the_gateways(offset: int) -> None:
    assert measured_time(at(offset), NOW, queued=False, retain=False) == Measured(NOW + offset, "gateway")


@pytest.mark.parametrize("offset", [60_001, -15 * MINUTE - 1, -OUTAGE_BUDGET_MS])
def test_live_time_far_from_arrival_gives_way(offset: int) -> None:
    assert measured_time(at(offset), NOW, queued=False, retain=False) == Measured(NOW, "arrival", untrusted=True)


NO_TIMES = [12.34, 0, -5, 4102444800, 1e300, math.nan, math.inf, True, "1759654321", [], {}, 1745395033113]


@pytest.mark.parametrize("ts", NO_TIMES, ids=repr)
def test_what_is_no_time_gives_way(ts: object) -> None:
    assert measured_time(ts, NOW, queued=False, retain=False) == Measured(NOW, "arrival", untrusted=True)
    assert measured_time(ts, NOW, queued=True, retain=False) == Measured(NOW, "unknown", untrusted=True)
    assert measured_time(ts, NOW, queued=False, retain=True) is None


def test_a_time_that_is_absent_is_not_held_against_the_frame() -> None:
    assert measured_time(None, NOW, queued=False, retain=False, age_ms=7) == Measured(NOW - 7, "arrival")
    assert measured_time(None, NOW, queued=True, retain=False, age_ms=7) == Measured(NOW, "unknown")
    assert measured_time(None, NOW, queued=True, retain=True) is None


@pytest.mark.parametrize(("queued", "retain"), [(True, False), (False, True), (True, True)])
def test_what_waited_is_believed_back_to_the_outage_budget(queued: bool, retain: bool) -> None:
    def measured(offset: int, budget: int = OUTAGE_BUDGET_MS) -> Measured | None:
        return measured_time(at(offset), NOW, queued=queued, retain=retain, budget_ms=budget)

    refused = None if retain else Measured(NOW, "unknown", untrusted=True)
    assert measured(-OUTAGE_BUDGET_MS) == Measured(NOW - OUTAGE_BUDGET_MS, "gateway")
    assert measured(60_000) == Measured(NOW + 60_000, "gateway")
    assert measured(-OUTAGE_BUDGET_MS - 1) == refused
    assert measured(60_001) == refused
    assert measured(-2000, budget=1000) == refused


def test_a_known_skew_is_taken_off_before_judging() -> None:
    fast = 3600 * 1000
    assert measured_time(at(fast - 500), NOW, queued=False, retain=False, skew_ms=fast) == Measured(
        NOW - 500, "gateway"
    )
    assert measured_time(at(0), NOW, queued=False, retain=False, skew_ms=fast) == Measured(
        NOW, "arrival", untrusted=True
    )


def test_age_counts_back_from_the_event() -> None:
    assert measured_time(at(-100), NOW, queued=False, retain=False, age_ms=1500) == Measured(NOW - 1600, "gateway")


@pytest.mark.parametrize(
    ("seconds", "milliseconds"),
    [
        (1698999960.36, 1698999960360),
        (1732463413.75999999046, 1732463413760),
        (1.73229721333e9, 1732297213330),
        (0.0625, 63),
        (5, 5000),
    ],
)
def test_seconds_become_milliseconds_halves_up(seconds: float, milliseconds: int) -> None:
    assert to_milliseconds(seconds) == milliseconds


@given(
    ts=st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    age=st.integers(0, OUTAGE_BUDGET_MS),
    queued=st.booleans(),
    retain=st.booleans(),
)
def test_measured_time_is_never_far_ahead_nor_older_than_budget_and_age(
    ts: object, age: int, queued: bool, retain: bool
) -> None:
    measured = measured_time(ts, NOW, queued=queued, retain=retain, age_ms=age)
    if measured is not None:
        assert NOW - OUTAGE_BUDGET_MS - age <= measured.at <= NOW + MINUTE
        assert not (measured.source == "gateway" and measured.untrusted)
