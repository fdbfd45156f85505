"""Bisecting: what is rejected is found without giving up its neighbours."""

from collections.abc import Sequence

import pytest

from history.store import ReadingRejected, StoreUnavailable
from streams.sinks.target import write_all_but_rejected


class Numbers:
    """A store that rejects batches with a negative number in it, and is away from its `limit`th write on."""

    def __init__(self, limit: int = 1000) -> None:
        self.held: list[int] = []
        self.writes = 0
        self._limit = limit

    async def write(self, items: Sequence[int]) -> None:
        self.writes += 1
        if self.writes >= self._limit:
            raise StoreUnavailable("away")
        if min(items) < 0:
            raise ReadingRejected(f"negative: {min(items)}")
        self.held += items


@pytest.mark.parametrize("bad", [[], [0], [4999], [0, 1, 2500, 4999], list(range(8))])
async def test_only_the_rejected_are_left_out_and_the_order_stays(bad: list[int]) -> None:
    numbers = Numbers()
    items = [-number - 1 if number in bad else number for number in range(5000)]
    assert await write_all_but_rejected(numbers.write, items) == [(index, f"negative: {-index - 1}") for index in bad]
    assert numbers.held == [number for number in range(5000) if number not in bad]
    assert numbers.writes <= 1 + 26 * len(bad)


async def test_an_outage_in_between_is_passed_on() -> None:
    with pytest.raises(StoreUnavailable):
        await write_all_but_rejected(Numbers(limit=4).write, [0, 1, -2, 3, 4, 5, 6, 7])
