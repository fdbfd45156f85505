"""The deliveries' sink, as a process of its own sees it."""

import time
from collections.abc import Callable
from typing import Any

import msgspec

from schemas.dead_letter import dead_letter_facts
from schemas.delivery import HOUR_MS
from schemas.topics import DELIVERIES
from streams.sinks.deliveries import DeliveriesTarget
from tests.contract.engines import delivery
from tests.streams.sinks.conftest import Message, Pipeline, delivery_message, until
from tests.streams.sinks.test_aggregates import Store

NOW = int(time.time() * 1000)


async def test_every_hour_is_there_at_its_highest_revision_and_poison_is_a_dead_letter(
    pipeline: Pipeline, start: Callable[..., Any]
) -> None:
    revisions = [delivery(hour, revision=revision, final=revision == 2) for hour in range(60) for revision in (1, 2)]
    poison = [Message(b"text", b"{", partition=0), delivery_message(delivery(0, revision=2**63))]
    await pipeline.send(DELIVERIES, [*map(delivery_message, revisions), *poison])
    child = start(SINKS_BATCH_RECORDS="5")

    async def some() -> bool:
        return len(await pipeline.deliveries()) >= 20

    await until(some)
    child.kill()
    child.wait()
    await pipeline.send(DELIVERIES, [delivery_message(one) for one in revisions[:5]])
    start()

    async def committed() -> bool:
        return await pipeline.committed("deliveries") == len(revisions) + 7

    await until(committed)
    assert await pipeline.deliveries() == [one for one in revisions if one.final]
    letters = [dead_letter_facts(letter.headers) for letter in await pipeline.dead_letters()]
    assert {(facts["stage"], facts["reason"]) for facts in letters} == {
        ("deliveries", "undecodable"),
        ("deliveries", "rejected"),
    }


async def test_they_are_kept_as_long_as_readings(pipeline: Pipeline, start: Callable[..., Any]) -> None:
    young = msgspec.structs.replace(delivery(), start=NOW - NOW % HOUR_MS - 24 * HOUR_MS)
    await pipeline.send(DELIVERIES, [delivery_message(one) for one in (delivery(), young)])
    start(BLUFLOW_RAW_DAYS="2")

    async def gone() -> bool:
        return await pipeline.committed("deliveries") == 2 and await pipeline.deliveries() == [young]

    await until(gone)


async def test_it_looks_whether_there_is_where_readings_go() -> None:
    store = Store(old=0)
    target = DeliveriesTarget(store)
    assert [await target.tidy() for _ in range(2)] == [True, False]
    assert store.checked == [False]
