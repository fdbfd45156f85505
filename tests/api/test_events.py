"""What one event stream says, and in which order."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import TopicPartition
from fastapi.sse import ServerSentEvent

from api.changes import Changes, Stream, TooManyStreams
from api.events import events
from api.services import Services
from api.table import Place
from api.watch import Watch, watch_registry
from schemas.topics import LATEST
from tests.api.conftest import register, until
from tests.api.fakes import GATEWAY, MINUTE, NOW, OTHER, SENSOR, gateway, latest

PLACE = TopicPartition(LATEST.full_name("shelly."), 0)


class Client:
    """Reads a stream as a browser does: keeps the last id."""

    def __init__(self, stream: Stream, said: AsyncIterator[ServerSentEvent]) -> None:
        self.stream, self._said = stream, said
        self.id: str | None = None

    async def next(self) -> tuple[str, Any]:
        """The next event that is no comment: its name and data."""
        while True:
            one = await asyncio.wait_for(anext(self._said), 5)
            self.id = self.id if one.id is None else one.id
            if one.event:
                return one.event, one.data

    async def names(self, count: int) -> list[str]:
        """Of the next events: the sensor's or gateway's id, or `reset`."""
        found = [await self.next() for _ in range(count)]
        return [getattr(data, "id", name) for name, data in found]

    async def silence(self) -> None:
        """Nothing else than a heartbeat comes next."""
        while (one := await asyncio.wait_for(anext(self._said), 5)).comment != "heartbeat":
            assert one.event is None
        self.id = one.id


@asynccontextmanager
async def listening(
    services: Services, last_id: str | None = None, now: Callable[[], int] = lambda: NOW
) -> AsyncIterator[Client]:
    with services.changes.listen() as stream:
        said = events(services.live, services.position, stream, now, last_id, heartbeat=0.01, patience=0.2)
        try:
            yield Client(stream, said)
        finally:
            await said.aclose()


def hear(services: Services, sensor: str, offset: int, **changes: Any) -> None:
    """What the follower does with a record at that offset of partition 0."""
    services.reader.positions[PLACE] = offset + 1
    services.live.sensors.apply(sensor, latest(sensor, offset + 1, **changes), Place(0, offset + 1))


async def test_it_begins_with_everything_then_tells_changes(services: Services) -> None:
    hear(services, SENSOR, 0)
    services.live.gateways.apply(GATEWAY, gateway())
    async with listening(services) as client:
        assert await client.names(2) == [SENSOR, GATEWAY]
        await client.silence()
        hear(services, OTHER, 1)
        name, sensor = await client.next()
        assert (name, sensor.id, sensor.freshness, sensor.age_seconds) == ("sensor", OTHER, "fresh", 12.4)
        services.live.gateways.apply(GATEWAY, gateway(revision=2, frames=8))
        name, found = await client.next()
        assert (name, found.id, found.frames) == ("gateway", GATEWAY, 8)


async def test_it_goes_on_where_a_client_was_and_misses_nothing(services: Services) -> None:
    hear(services, SENSOR, 0)
    hear(services, OTHER, 1)
    async with listening(services) as client:
        await client.names(2)
        seen = client.id
    async with listening(services, seen) as client:
        await client.silence()
    hear(services, OTHER, 2)
    async with listening(services, seen) as client:
        assert await client.names(1) == [OTHER]
        await client.silence()


async def test_breaking_off_within_a_batch_repeats_it(services: Services) -> None:
    async with listening(services) as client:
        await client.silence()
        before = client.id
        hear(services, SENSOR, 0)
        hear(services, OTHER, 1)
        assert await client.names(1) == [SENSOR]
        assert client.id == before
        assert await client.names(1) == [OTHER]
        assert client.id != before
    async with listening(services, before) as client:
        assert sorted(await client.names(2)) == sorted([SENSOR, OTHER])


@pytest.mark.parametrize("last_id", ["nonsense", "ahead"])
async def test_an_id_that_cannot_be_resumed_is_told_so(services: Services, last_id: str) -> None:
    hear(services, SENSOR, 0)
    if last_id == "ahead":
        services.reader.positions[PLACE] = 900
        position = services.position()
        assert position is not None
        last_id, services.reader.positions[PLACE] = position.text(), 1
    async with listening(services, last_id) as client:
        assert (await client.next())[0] == "reset"
        assert client.id == "", "who breaks off now begins anew"
        assert await client.names(1) == [SENSOR]


async def test_a_process_that_is_a_moment_behind_catches_up_first(services: Services) -> None:
    hear(services, SENSOR, 0)
    services.reader.positions[PLACE] = 2
    ahead = services.position()
    assert ahead is not None
    services.reader.positions[PLACE] = 1
    async with listening(services, ahead.text()) as client:
        told = asyncio.create_task(client.names(1))
        await asyncio.sleep(0)
        hear(services, OTHER, 1)
        assert await told == [OTHER], "told again at most, and no reset"


async def test_who_is_not_fresh_is_told_again_because_time_alone_may_have_done_it(services: Services) -> None:
    hear(services, SENSOR, 0, seen=NOW - 3 * MINUTE + 1)
    services.live.gateways.apply(GATEWAY, gateway())
    async with listening(services) as client:
        await client.names(2)
        seen = client.id
    async with listening(services, seen, lambda: NOW + 1) as client:
        _, found = await client.next()
        assert (found.id, found.freshness) == (SENSOR, "late")


async def test_a_sensor_that_is_gone_makes_clients_begin_anew(services: Services) -> None:
    hear(services, SENSOR, 0)
    hear(services, OTHER, 1)
    async with listening(services) as client:
        await client.names(2)
        services.live.sensors.apply(SENSOR, None)
        assert await client.names(2) == ["reset", OTHER]


async def test_a_slow_client_gets_the_newest_of_each_once(services: Services) -> None:
    async with listening(services) as client:
        await client.silence()
        for offset in range(1000):
            hear(services, (SENSOR, OTHER)[offset % 2], offset, rssi=-offset)
        assert [(await client.next())[1].rssi for _ in range(2)] == [-998, -999]
        await client.silence()


async def test_nothing_is_said_before_the_topics_were_read(services: Services) -> None:
    services.reader.loaded = False
    async with listening(services) as client:
        hear(services, SENSOR, 0)
        asking = asyncio.create_task(client.names(1))
        await asyncio.wait([asking], timeout=0.05)
        assert not asking.done()
        services.reader.loaded = True
        assert await asking == [SENSOR]
        assert client.id


async def test_it_ends_when_it_is_closed(services: Services) -> None:
    async with listening(services) as client:
        await client.silence()
        services.changes.close()
        with pytest.raises(StopAsyncIteration):
            await client.next()
    async with listening(services) as client:
        with pytest.raises(StopAsyncIteration):
            await client.next()


def test_there_is_a_limit_and_room_again_when_one_leaves() -> None:
    changes = Changes(1)
    with changes.listen(), pytest.raises(TooManyStreams, match="1 event streams"), changes.listen():
        pass
    with changes.listen():
        assert len(changes) == 1


async def test_passing_time_and_silent_gateways_are_noticed_without_records(services: Services) -> None:
    hear(services, SENSOR, 0, seen=NOW)
    services.live.gateways.apply(GATEWAY, gateway(last_frame=NOW))
    watch = Watch(services.live, services.changes)
    watch.look(services.live.at(NOW))
    with services.changes.listen() as stream:
        watch.look(services.live.at(NOW + 3 * MINUTE - 1))
        assert stream.take() == []
        watch.look(services.live.at(NOW + 3 * MINUTE))
        assert stream.take() == [("sensor", SENSOR)]
        clock = services.live.clock.get("0")
        assert clock is not None
        services.live.clock.apply("0", type(clock)(0, NOW + 3 * MINUTE))
        watch.look(services.live.at(NOW + 3 * MINUTE))
        assert stream.take() == [("sensor", SENSOR), ("gateway", GATEWAY)]
        hear(services, SENSOR, 1, seen=NOW + 3 * MINUTE)
        stream.take()
        watch.look(services.live.at(NOW + 3 * MINUTE))
        assert stream.take() == [("sensor", SENSOR)]


async def test_the_registry_is_read_again_and_a_bad_one_changes_nothing(
    services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing() -> float | None:
        return services.metrics.registry.get_sample_value("bluflow_api_registry_failing")

    monkeypatch.setattr("api.watch.REGISTRY_SECONDS", 0.01)
    register(services, f"  {SENSOR}: {{name: Fridge}}\n")
    watch = Watch(services.live, services.changes)
    task = asyncio.create_task(
        watch_registry(services.registry, services.live, services.changes, watch, services.metrics)
    )
    with services.changes.listen() as stream:
        services.registry.file.path.write_text("sensors: {x: }\n")
        await until(lambda: failing() == 1)
        assert services.live.registry.entry(SENSOR).name == "Fridge"
        assert "sensors.yaml:1" in caplog.text
        assert stream.take() == []
        services.registry.file.path.write_text(f"sensors:\n  {OTHER}: {{name: Freezer}}\n")
        await until(lambda: failing() == 0)
        assert sorted(stream.take()) == [("sensor", OTHER), ("sensor", SENSOR)]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
