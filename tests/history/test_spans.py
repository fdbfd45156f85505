"""Stretches of time as sets."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from history.spans import Span, union, without

span = st.tuples(st.integers(0, 30), st.integers(0, 30))
spans = st.lists(span, max_size=6)


def milliseconds(given: list[Span]) -> set[int]:
    return {at for start, end in given for at in range(start, end)}


@given(spans)
def test_a_union_holds_the_same_time_in_order_and_apart(given: list[Span]) -> None:
    found = union(given)
    assert milliseconds(found) == milliseconds(given)
    assert all(end < start for (_, end), (start, _) in pairwise(found))


@given(span, spans)
def test_what_is_taken_away_is_gone_and_nothing_else(whole: Span, taken: list[Span]) -> None:
    found = without(whole, taken)
    assert milliseconds(found) == milliseconds([whole]) - milliseconds(taken)
    assert union(found) == found
