"""What was fetched while a rebalance came is handed out in its generation, or fetched again: never lost."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from faust.types import TP

from streams.engine.consumer import BatchConsumer
from streams.engine.fetches import give_back
from tests.streams.engine.conftest import until
from tests.streams.engine.counting import make_app

LOG = TopicPartition("count-n-changelog", 0)
Fetched = dict[TopicPartition, list[Any]]


class Scripted(BatchConsumer):
    """Connected to nothing: `fetches` are what comes of each poll, `taken` what went to the app."""

    fetches: "asyncio.Queue[Fetched]"
    given_back: list[Fetched]

    async def _getmany(self, active_partitions: Any, timeout: float) -> Fetched:  # noqa: ASYNC109  # as Faust has it
        return await self.fetches.get()

    async def _give_back(self, records: Mapping[Any, Any]) -> None:
        self.given_back.append(dict(records))

    def highwater(self, tp: Any) -> int:
        return 100


@pytest.fixture
async def scripted(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    app = make_app("127.0.0.1:1", "")
    app.finalize()
    monkeypatch.setattr("faust.transport.drivers.aiokafka.Transport.Consumer", Scripted)
    made: Scripted = app.consumer  # type: ignore[assignment]
    made.fetches, made.given_back = asyncio.Queue(), []
    made.app.consumer_generation_id = 1
    made._active_partitions = {TP(*LOG)}
    return made


def record(offset: int) -> Any:
    return SimpleNamespace(offset=offset, key=b"k", value=b"v", timestamp=0, timestamp_type=0, headers=())


async def test_the_first_fetch_after_a_rebalance_is_handed_out(scripted: Scripted) -> None:
    taken: list[int] = []

    async def callback(message: Any) -> None:
        taken.append(message.offset)

    scripted.callback = callback
    scripted.stop_flow()  # the partitions are revoked
    draining = asyncio.create_task(scripted._drain_messages(SimpleNamespace(_stopped=asyncio.Event())))
    await asyncio.sleep(0.05)  # it waits for the flow now
    scripted.app.consumer_generation_id = 2
    scripted.resume_flow()  # the changelogs are read
    scripted.fetches.put_nowait({LOG: [record(0), record(1)]})
    try:
        await until(lambda: draining.done() or taken == [1], 5)
        assert taken == [1]
    finally:
        draining.cancel()


async def test_what_was_fetched_over_a_rebalance_is_fetched_again(scripted: Scripted) -> None:
    draining = asyncio.create_task(scripted._drain_messages(SimpleNamespace(_stopped=asyncio.Event())))
    await asyncio.sleep(0.05)  # a poll is under way
    scripted.app.consumer_generation_id = 2
    stale = {LOG: [record(0), record(1)]}
    scripted.fetches.put_nowait(stale)
    try:
        await until(lambda: draining.done() or scripted.given_back, 5)
        assert scripted.given_back == [stale]
    finally:
        draining.cancel()


async def test_given_back_records_come_again_unless_somebody_sought(
    kafka: str, counting_topics: str, producer: AIOKafkaProducer
) -> None:
    place = TopicPartition(counting_topics + "in", 0)
    for number in range(5):
        await producer.send_and_wait(place.topic, b"%d" % number, partition=0)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([place])
        found = await consumer.getmany(place, timeout_ms=10_000, max_records=3)
        give_back(consumer, found)
        assert await consumer.position(place) == 0
        found = await consumer.getmany(place, timeout_ms=10_000, max_records=3)
        consumer.seek(place, 1)  # the recovery knows better
        give_back(consumer, found)
        assert await consumer.position(place) == 1
        consumer.unsubscribe()
        give_back(consumer, found)  # it is another worker's now
        assert not consumer.assignment()
    finally:
        await consumer.stop()
