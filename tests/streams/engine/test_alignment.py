"""Partitions of a source keep pace: none runs more than a window ahead of one that still has work."""

from itertools import accumulate

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.engine.alignment import PATIENCE_SECONDS, WINDOW_MS, Alignment

A, B, C = (TP("raw", number) for number in range(3))


def make() -> tuple[Alignment, list[float]]:
    now = [0.0]
    return Alignment(lambda record: record, lambda: now[0]), now


def records(*minutes: float) -> list[int]:
    return [int(minute * 60_000) for minute in minutes]


def test_a_poll_of_hours_is_handed_out_a_window_at_a_time() -> None:
    alignment, _ = make()
    positions, ends = {A: 0, B: 0}, {A: 100, B: 100}
    assert alignment.take(A, records(0, 1, 5, 6, 90), positions, ends) == 3
    assert alignment.ahead({A: 3, B: 0}, ends) == {A}, "nothing is known of B yet"
    assert alignment.take(B, records(2, 3, 8, 200), {A: 3, B: 0}, ends) == 3
    assert alignment.ahead({A: 3, B: 3}, ends) == set()
    assert alignment.take(A, records(6, 10, 14, 15), {A: 3, B: 3}, ends) == 2
    assert alignment.take(A, records(14, 15), {A: 5, B: 3}, ends) == 2
    assert alignment.ahead({A: 7, B: 3}, ends) == {A}


def test_a_partition_that_is_worked_off_holds_nobody() -> None:
    alignment, _ = make()
    ends = {A: 100, B: 1, C: 0}
    alignment.take(B, records(0), {A: 0, B: 0, C: 0}, ends)
    assert alignment.take(A, records(0, 60, 600), {A: 0, B: 1, C: 0}, ends) == 3
    assert alignment.ahead({A: 3, B: 1, C: 0}, ends) == set()


def test_what_was_fetched_already_goes_on_for_one_window() -> None:
    alignment, _ = make()
    alignment.take(B, records(0), {A: 0, B: 0}, {A: 9, B: 9})
    assert alignment.take(A, records(500, 501), {A: 0, B: 1}, {A: 9, B: 9}) == 2


def test_patience_ends_when_a_partition_cannot_be_read() -> None:
    alignment, now = make()
    ends = {A: 100, B: 100}
    alignment.take(A, records(0), {A: 0, B: 0}, ends)
    assert alignment.ahead({A: 1, B: 0}, ends) == {A}
    now[0] += PATIENCE_SECONDS + 1
    assert alignment.ahead({A: 1, B: 0}, ends) == set()
    assert alignment.ahead({A: 2, B: 0}, ends) == set()
    assert alignment.ahead({A: 3, B: 1}, ends) == {A}, "it moves again, so it is waited for again"


def test_a_live_partition_does_not_renew_the_patience_with_a_stuck_one() -> None:
    alignment, now = make()
    ends = {A: 100, B: 100, C: 100}
    alignment.take(A, records(0), {A: 0, B: 0, C: 0}, ends)
    assert alignment.ahead({A: 1, B: 0, C: 0}, ends) == {A}
    for second in range(int(PATIENCE_SECONDS) + 2):
        now[0] += 1
        ends[C] = 101 + second
        alignment.take(C, records(600 + second), {A: 1, B: 0, C: 100 + second}, ends)
        held = alignment.ahead({A: 1, B: 0, C: 101 + second}, ends)
    assert held == set()


def test_behind_a_frame_that_came_back_with_its_old_arrival_nothing_runs_ahead() -> None:
    alignment, _ = make()
    alignment.take(B, records(0), {A: 0, B: 0}, {A: 9, B: 9})
    assert alignment.take(A, records(1, 100, 0.5, 101), {A: 0, B: 1}, {A: 9, B: 9}) == 1
    assert alignment.take(A, records(-500, 4, -500, 5, 90, -500), {A: 0, B: 1}, {A: 9, B: 9}) == 4


def test_a_frame_that_came_back_does_not_set_its_partition_back() -> None:
    alignment, _ = make()
    ends = {A: 100, B: 100}
    alignment.take(B, records(0), {A: 0, B: 0}, ends)
    alignment.take(A, records(3, 4, -500), {A: 0, B: 1}, ends)
    alignment.take(A, records(5.5, -500), {A: 3, B: 1}, ends)
    assert alignment.ahead({A: 5, B: 1}, ends) == {A}


def test_frames_that_arrived_at_once_are_handed_out_at_once() -> None:
    alignment, _ = make()
    alignment.take(B, records(7), {A: 0, B: 0}, {A: 9_000, B: 9})
    assert alignment.take(A, records(*[7] * 5_000), {A: 0, B: 1}, {A: 9_000, B: 9}) == 5_000
    assert alignment.ahead({A: 5_000, B: 1}, {A: 9_000, B: 9}) == set()


POLL = 7
clocks = st.integers(0, 12).flatmap(lambda windows: st.sampled_from([windows, windows + 0.5, windows + 0.99]))


@given(st.lists(st.lists(clocks, max_size=40), min_size=1, max_size=3), st.data())
def test_in_any_order_of_clocks_all_is_handed_out_in_few_parts(windows: list[list[float]], data: st.DataObject) -> None:
    """Clocks that go back, jump, or stand still; time stands still too, so that nothing is owed to patience."""
    logs = {TP("raw", n): [int(clock * WINDOW_MS) for clock in log] for n, log in enumerate(windows)}
    alignment, _ = make()
    positions, ends = dict.fromkeys(logs, 0), {tp: len(log) for tp, log in logs.items()}
    parts = dict.fromkeys(logs, 0)
    newest: dict[TP, int] = {}
    while lagging := [tp for tp in logs if positions[tp] < ends[tp]]:
        fetched = sorted(set(lagging) - alignment.ahead(positions, ends))
        assert fetched, "somebody may always go on"
        tp = data.draw(st.sampled_from(fetched))
        poll = logs[tp][positions[tp] : positions[tp] + POLL]
        count = alignment.take(tp, poll, positions, ends)
        others = [other for other in lagging if other != tp]
        if others and all(other in newest for other in others):
            edge = max(poll[0], min(newest[other] for other in others)) + WINDOW_MS
            assert max(poll[:count]) <= edge
            assert count == len(poll) or poll[count] > edge
        newest[tp] = max(newest.get(tp, 0), *poll[:count])
        positions[tp] += count
        parts[tp] += 1
    for tp, log in logs.items():
        seen = {clock // WINDOW_MS for clock in accumulate(log, max)}
        assert parts[tp] <= len(log) // POLL + 2 + 2 * len(seen)
