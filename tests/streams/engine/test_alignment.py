"""Partitions of a source keep pace: none runs more than a window ahead of one that still has work."""

from faust.types import TP

from streams.engine.alignment import PATIENCE_SECONDS, Alignment

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
