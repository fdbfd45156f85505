"""The aggregates' sink, as a process of its own sees it; what is too old goes."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from schemas.aggregate import DAY, HOUR, WIDTHS
from schemas.dead_letter import dead_letter_facts
from schemas.topics import AGGREGATES, READINGS
from streams.sinks import history as module
from streams.sinks.aggregates import AggregatesTarget
from streams.sinks.history import HistoryTarget
from tests.contract.engines import aggregate, reading
from tests.streams.sinks.conftest import Message, Pipeline, aggregate_message, reading_message, until

NOW = int(time.time() * 1000)


async def test_every_window_is_there_at_its_highest_revision(pipeline: Pipeline, start: Callable[..., Any]) -> None:
    """Killed in the middle; revisions come and come again."""
    revisions = [
        aggregate(number, width=width, revision=revision, mean=revision, final=revision == 3)
        for number in range(300)
        for width in WIDTHS
        for revision in (1, 2, 3)
    ]
    await pipeline.send(AGGREGATES, [aggregate_message(one) for one in revisions])
    child = start(SINKS_BATCH_RECORDS="5")

    async def some() -> bool:
        return len(await pipeline.aggregates()) >= 50

    await until(some)
    child.kill()
    child.wait()
    await pipeline.send(AGGREGATES, [aggregate_message(one) for one in revisions[:9]])
    start()

    async def committed() -> bool:
        return await pipeline.committed("aggregates") == len(revisions) + 9

    await until(committed)
    for width in WIDTHS:
        assert await pipeline.aggregates(width) == [one for one in revisions if one.width == width and one.final]
    assert 'bluflow_sink_records_written_total{sink="aggregates"}' in (await pipeline.page("/metrics"))[1]


async def test_poison_becomes_a_dead_letter(pipeline: Pipeline, start: Callable[..., Any]) -> None:
    odd_width = aggregate_message(aggregate(1, width=77))
    beyond = aggregate_message(aggregate(2, revision=2**63))
    poison = [Message(b"text", b"{", partition=0), odd_width, Message(b"none", None, partition=0), beyond]
    await pipeline.send(AGGREGATES, [aggregate_message(aggregate(0)), *poison, aggregate_message(aggregate(3))])
    start()

    async def committed() -> bool:
        return await pipeline.committed("aggregates") == 6

    await until(committed)
    letters = [(letter.value, dead_letter_facts(letter.headers)) for letter in await pipeline.dead_letters()]
    assert sorted(value or b"" for value, _ in letters) == sorted(one.value or b"" for one in poison)
    assert {(facts["stage"], facts["reason"]) for _, facts in letters} == {
        ("aggregates", "undecodable"),
        ("aggregates", "rejected"),
    }
    assert await pipeline.aggregates() == [aggregate(0), aggregate(3)]


async def test_what_is_past_its_retention_goes_by_itself(pipeline: Pipeline, start: Callable[..., Any]) -> None:
    young = msgspec.structs.replace(aggregate(0), start=NOW - NOW % 300_000 - DAY * 1000)
    first = start()
    await pipeline.send(AGGREGATES, [aggregate_message(one) for one in (aggregate(0), aggregate(0, width=HOUR), young)])
    await pipeline.send(READINGS, [reading_message(0)])

    async def committed() -> bool:
        return (await pipeline.committed("history"), await pipeline.committed("aggregates")) == (1, 3)

    await until(committed)
    assert await pipeline.readings() == [reading(0)]
    first.kill()
    first.wait()
    start(BLUFLOW_RAW_DAYS="30", BLUFLOW_FIVE_MINUTE_DAYS="2")

    async def gone() -> bool:
        return await pipeline.readings() == [] and await pipeline.aggregates() == [young]

    await until(gone)
    assert await pipeline.aggregates(HOUR) == [aggregate(0, width=HOUR)]


class Store:
    """Counts what it is asked for; `old` rows are too old."""

    def __init__(self, old: int) -> None:
        self.old = old
        self.checked: list[bool] = []

    async def prune(self, now: int, *, most: int = 1000) -> int:
        assert abs(now - NOW) < 3_600_000
        deleted = min(self.old, most)
        self.old -= deleted
        return deleted

    async def check(self, *, aggregates: bool) -> None:
        self.checked.append(aggregates)

    async def write(self, readings: object) -> None:
        """Not asked for."""

    async def write_aggregates(self, aggregates: object) -> None:
        """Not asked for."""

    async def write_deliveries(self, deliveries: object) -> None:
        """Not asked for."""

    async def close(self) -> None:
        """Nothing is open."""


async def test_upkeep_goes_in_steps_at_once_and_then_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PRUNE_STEP", 10)
    store = Store(old=25)
    target = HistoryTarget(store)
    assert [(await target.tidy(), store.old) for _ in range(4)] == [(True, 15), (True, 5), (True, 0), (False, 0)]
    assert store.checked == [False] * 3
    aggregates = AggregatesTarget(store)
    assert [await aggregates.tidy() for _ in range(2)] == [True, False]
    assert store.checked[3:] == [True]
