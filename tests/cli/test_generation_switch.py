"""The switch of the history from one generation's sinks to another's, on a real broker, with topics made by hand."""

import time
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from cli.generation_broker import GenerationBroker
from cli.generation_status import SINKS, Generations
from cli.generation_switch import Switch, Switched
from cli.generation_topics import topics_with
from cli.unusable import Unusable
from history.sqlite import SqliteHistory
from runtime.kafka import ensure_topics
from runtime.snapshot import snapshot
from schemas.advertisement import Advertisement, Coordinate
from schemas.aggregate import FIVE_MINUTES, Aggregate
from schemas.codec import encode
from schemas.dead_letter import Letter
from schemas.frame import Frame, Headers
from schemas.gateway import Clock
from schemas.reading import Reading
from schemas.topics import (
    ADVERTISEMENTS,
    AGGREGATES,
    CLOCK,
    DEAD_LETTERS,
    DELIVERIES,
    RAW_FRAMES,
    READINGS,
    Topic,
    sink_group,
    worker_group,
)
from tests.contract.engines import MINUTE, SENSOR, START, aggregate, delivery, reading

OTHER = "f8:44:77:3a:0e:4b"
NEW = "g2"


def copy(number: int, **changes: Any) -> Reading:
    """The packet of that minute, as another gateway's copy tells it."""
    made = reading(number)
    facts = {"measured_at": made.measured_at + 3, "at": Coordinate(0, 0, number, 0), "gateway": "b"}
    return msgspec.structs.replace(made, **facts | changes)


class Bench:
    """Two generations whose workers have come to the end, and the history of the old one's sinks."""

    def __init__(self, broker: GenerationBroker, prefix: str, history: SqliteHistory) -> None:
        self.broker, self.prefix, self.history = broker, prefix, history

    async def generations(self) -> Generations:
        return Generations(self.broker, self.prefix, await self.broker.topics())

    async def send(
        self, topic: Topic, generation: str, values: Iterable[bytes], headers: Headers | None = None
    ) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.broker.address) as producer:
            for value in values:
                name = topic.full_name(self.prefix, generation)
                await producer.send_and_wait(name, value, key=SENSOR.encode(), headers=headers)

    async def readings(self, generation: str, readings: Sequence[Reading]) -> None:
        await self.send(READINGS, generation, map(encode, readings))

    async def aggregates(self, generation: str, aggregates: Sequence[Aggregate]) -> None:
        await self.send(AGGREGATES, generation, map(encode, aggregates))

    async def clock(self, time: int) -> None:
        """How far the old worker has come."""
        await self.send(CLOCK, "", [encode(Clock(number, time)) for number in range(4)])

    async def take(self, group: str, topic: Topic, generation: str) -> None:
        """The group has come to the topic's end."""
        place = (await self.generations()).place(topic, generation)
        await self.broker.commit(group, await self.broker.ends(*place))

    async def sinks_take(self, group: str = "") -> None:
        """The old sinks of that SINKS_GROUP have come to the end."""
        for name, topic in SINKS.items():
            await self.take(sink_group(self.prefix, name, topic, "", group), topic, "")

    async def switch(self, *, write: bool = True, patience: float = 0, group: str = "") -> Switched:
        for topic in (RAW_FRAMES, ADVERTISEMENTS):
            if not patience:
                await self.take(worker_group(self.prefix, NEW), topic, NEW)
        found = await self.generations()
        return await Switch(found, "", NEW, self.history, self.history, write, patience, group).run(0)

    async def held(self, sensor: str = SENSOR) -> list[Reading]:
        return [each async for each in self.history.readings(sensor, 0, 2**62)]

    async def windows(self) -> list[Aggregate]:
        return [each async for each in self.history.aggregates(SENSOR, FIVE_MINUTES, 0, 2**62)]

    async def places(self, group: str = "") -> dict[str, int]:
        """Where the new sinks of that SINKS_GROUP begin: the sum of their offsets."""
        found = {}
        for name, topic in SINKS.items():
            name_there, own = topic.full_name(self.prefix, NEW), sink_group(self.prefix, name, topic, NEW, group)
            found[name] = sum((await self.broker.committed(own, name_there)).values())
        return found


@pytest.fixture
async def bench(kafka: str, topics: str, tmp_path: Path) -> AsyncIterator[Bench]:
    await ensure_topics(kafka, topics_with(3, 4), topics, embedded=True, generation=NEW)
    history = SqliteHistory(tmp_path / "history.sqlite")
    async with GenerationBroker(kafka) as broker:
        yield Bench(broker, topics, history)
    await history.close()


async def test_each_packet_is_in_the_history_once_and_the_new_sinks_begin_behind(bench: Bench) -> None:
    written, unwritten, unfolded = [reading(0), reading(1)], [reading(2)], copy(3)
    await bench.history.write(written)
    await bench.readings("", written)
    await bench.sinks_take()
    await bench.readings("", unwritten)
    await bench.clock(START + 2 * MINUTE)
    await bench.readings(NEW, [copy(0), reading(1), copy(2), unfolded])
    for count in (2, 0):  # what breaks off may be run again
        assert (await bench.switch()).readings == count
        assert await bench.held() == [*written, copy(2), unfolded]
        assert await bench.places() == {"history": 4, "aggregates": 0, "deliveries": 0}


async def test_what_is_late_and_unwritten_is_found_however_old_it_is(bench: Bench) -> None:
    """A frame that was redriven, say: it arrived a week before its neighbours in the topic."""
    late, long_ago = copy(-7 * 1440), copy(-7 * 1440 + 1, sensor=OTHER)
    await bench.sinks_take()
    await bench.readings("", [reading(-7 * 1440)])
    await bench.clock(START)
    await bench.readings(NEW, [late, long_ago, copy(0)])
    assert (await bench.switch()).readings == 2
    assert await bench.held() == [late, copy(0)]
    assert await bench.held(OTHER) == [], "the old generation did not make it: that is replay's"


@pytest.mark.parametrize("stuck_in", ["decode", "track"])
async def test_what_the_old_worker_has_still_before_it_is_found_however_old_it_is(bench: Bench, stuck_in: str) -> None:
    """A frame that was redriven, and the old worker stands still before it."""
    late = copy(-7 * 1440, at=Coordinate(0, 0, 7, 0))
    await bench.sinks_take()
    await bench.clock(START)
    if stuck_in == "decode":
        frame = Frame("gw/events/rpc", b"", late.received_at)
        await bench.send(RAW_FRAMES, "", [b"", frame.payload], headers=frame.headers())
    else:
        facts = {name: getattr(late, name) for name in Advertisement.__struct_fields__ if hasattr(late, name)}
        await bench.send(ADVERTISEMENTS, "", [b"?", encode(Advertisement(**facts))])
    await bench.readings(NEW, [late])
    assert (await bench.switch()).readings == 1
    assert await bench.held() == [late]


@pytest.mark.parametrize("clock", [None, time.time_ns() // 1_000_000 + 24 * 60 * MINUTE], ids=["none", "a day ahead"])
async def test_without_a_clock_that_can_be_right_everything_is_compared(bench: Bench, clock: int | None) -> None:
    await bench.sinks_take()
    if clock:
        await bench.clock(clock)
    await bench.history.write([reading(-9000)])
    await bench.readings(NEW, [copy(-9000), copy(-8000)])
    assert (await bench.switch()).readings == 1
    assert await bench.held() == [reading(-9000), copy(-8000)]


async def test_the_new_generations_windows_win(bench: Bench) -> None:
    old = [aggregate(number, revision=900 + number, count=5, final=number < 2) for number in range(4)]
    await bench.history.write_aggregates(old[:3])
    await bench.aggregates("", old[:3])
    await bench.sinks_take()
    await bench.aggregates("", old[3:])
    await bench.clock(aggregate(3).start)
    new = [aggregate(number, revision=10 + number, count=4, final=number < 3) for number in (1, 2, 3)]
    long_over = aggregate(-9000, revision=5, final=True)
    await bench.aggregates(NEW, [long_over, *(msgspec.structs.replace(each, revision=1) for each in new), *new])
    assert (await bench.switch()).windows == 3
    assert await bench.windows() == [old[0], *new]
    assert await bench.places() == {"history": 0, "aggregates": 7, "deliveries": 0}


async def test_the_new_generations_hours_of_deliveries_win(bench: Bench) -> None:
    old = [delivery(hour, revision=900 + hour, final=hour < 2) for hour in range(3)]
    await bench.history.write_deliveries([*old, delivery(-1000, revision=1)])
    await bench.sinks_take()
    await bench.clock(old[2].start)
    new = [delivery(hour, revision=10 + hour, heard=50) for hour in range(3)]
    again = [msgspec.structs.replace(each, revision=1, heard=3) for each in new]
    await bench.send(DELIVERIES, NEW, map(encode, [*again, *new, delivery(-1000, revision=5)]))
    assert (await bench.switch(write=False)).hours == 3
    assert (await bench.switch()).hours == 3
    assert await bench.history.deliveries(SENSOR, 0, 2**62) == [delivery(-1000, revision=1), *new]
    assert await bench.places() == {"history": 0, "aggregates": 0, "deliveries": 7}


async def test_what_the_store_refuses_and_what_is_no_reading_are_dead_letters(bench: Bench) -> None:
    bad = copy(1, counter=2**63 - 1, packet_id=2**64 - 1)
    await bench.sinks_take()
    await bench.readings(NEW, [copy(0), bad, copy(2)])
    await bench.send(READINGS, NEW, [b"{"])
    await bench.send(AGGREGATES, NEW, [b"?"])
    done = await bench.switch()
    assert (done.readings, done.rejected) == (2, 1)
    assert await bench.held() == [copy(0), copy(2)]
    topic = DEAD_LETTERS.full_name(bench.prefix)
    letters = [Letter.from_record(record) async for record in snapshot(bench.broker.address, topic)]
    assert sorted((each.stage, each.reason, each.value, each.generation) for each in letters) == [
        ("aggregates", "undecodable", b"?", NEW),
        ("history", "rejected", encode(bad), NEW),
        ("history", "undecodable", b"{", NEW),
    ]


async def test_a_dry_run_counts_and_changes_nothing(bench: Bench) -> None:
    await bench.sinks_take()
    await bench.readings(NEW, [copy(0)])
    await bench.aggregates(NEW, [aggregate(0)])
    done = await bench.switch(write=False)
    assert (done.readings, done.sensors, done.windows) == (1, 1, 1)
    assert (await bench.held(), await bench.windows()) == ([], [])
    assert await bench.places() == {"history": 0, "aggregates": 0, "deliveries": 0}


async def test_the_sinks_of_a_second_store_are_switched_by_themselves(bench: Bench) -> None:
    """They may have come to another place than the first store's."""
    both = [reading(0), reading(1)]
    await bench.history.write(both[:1])
    await bench.readings("", both[:1])
    await bench.sinks_take("b")
    await bench.readings("", both[1:])
    await bench.clock(START + MINUTE)
    await bench.readings(NEW, both)
    assert (await bench.switch(group="b")).readings == 1
    assert await bench.held() == both
    assert await bench.places("b") == {"history": 2, "aggregates": 0, "deliveries": 0}
    assert await bench.places() == {"history": 0, "aggregates": 0, "deliveries": 0}


async def test_a_worker_that_has_not_come_to_the_end_is_waited_for(bench: Bench) -> None:
    await bench.send(RAW_FRAMES, "", [b"x"])
    with pytest.raises(Unusable, match=r"g2 has 1 records of .*raw-frames.v1 before it"):
        await bench.switch(patience=0.5)
    assert await bench.places() == {"history": 0, "aggregates": 0, "deliveries": 0}


async def test_sinks_that_still_run_are_named(bench: Bench) -> None:
    group = sink_group(bench.prefix, "history", READINGS, "")
    consumer = AIOKafkaConsumer(
        READINGS.full_name(bench.prefix), bootstrap_servers=bench.broker.address, group_id=group
    )
    await consumer.start()
    try:
        with pytest.raises(Unusable, match=f"the group {group} still has 1 members: stop them first"):
            await bench.switch()
    finally:
        await consumer.stop()
