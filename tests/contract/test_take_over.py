"""What every history engine promises of another generation's windows."""

from schemas.aggregate import DAY, FIVE_MINUTES, HOUR, SECOND, WIDTHS, Aggregate
from tests.contract.engines import COMPARING, SENSOR, Store, aggregate

OTHER = "f8:44:77:3a:0e:4b"
EVER = 2**62


async def held(store: Store, sensor: str = SENSOR) -> list[Aggregate]:
    return [found for width in WIDTHS async for found in store.aggregates(sensor, width, 0, EVER)]


async def test_open_windows_are_the_other_generations_whatever_their_revisions_and_counts(store: Store) -> None:
    old = [aggregate(0, revision=900, count=5), aggregate(0, width=DAY, revision=901, count=7)]
    await store.write_aggregates([*old, aggregate(0, sensor=OTHER, revision=900)])
    new = [aggregate(0, revision=10, count=4), aggregate(0, width=DAY, revision=11, count=6)]
    for _ in range(2):
        await store.take_over(SENSOR, new, old[0].start)
        assert await held(store) == new
    assert await held(store, OTHER) == [aggregate(0, sensor=OTHER, revision=900)]
    goes_on = aggregate(0, revision=12, count=5, final=True)
    await store.write_aggregates([goes_on])
    assert await held(store) == [goes_on, new[1]]


async def test_a_final_window_is_replaced_by_a_final_one(store: Store) -> None:
    await store.write_aggregates([aggregate(0, revision=900, count=5, final=True)])
    new = aggregate(0, revision=10, count=4, final=True)
    await store.take_over(SENSOR, [new], 0)
    assert await held(store) == [new]


async def test_what_the_other_generation_says_first_after_it_counts(store: Store) -> None:
    """Its worker is a moment behind: it has not told of the newest window yet."""
    await store.write_aggregates([aggregate(1, revision=900, count=2)])
    await store.take_over(SENSOR, [aggregate(0, revision=10)], aggregate(0).start)
    first = aggregate(1, revision=11, count=1)
    await store.write_aggregates([first])
    assert await held(store) == [aggregate(0, revision=10), first]


async def test_windows_from_before_stay(store: Store) -> None:
    long_over = aggregate(-12, revision=900)
    ends_then = aggregate(-1, width=HOUR, revision=900, final=True)
    await store.write_aggregates([long_over, ends_then])
    await store.take_over(SENSOR, [], long_over.start + FIVE_MINUTES * SECOND + 1)
    assert await held(store) == [long_over, ends_then]


async def test_a_final_window_is_replaced_by_an_open_one_only_where_the_engine_cannot_compare(
    store: Store, engine: str
) -> None:
    final, still_open = aggregate(0, revision=900, count=5, final=True), aggregate(0, revision=10, count=3)
    await store.write_aggregates([final])
    await store.take_over(SENSOR, [still_open], 0)
    # elsewhere the final one comes again from the topic
    assert await held(store) == [final if engine in COMPARING else still_open]
