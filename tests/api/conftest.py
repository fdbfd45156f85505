"""An API whose live state, history, registry and clock a test holds in its hands; Kafka is in test_follow.py."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from aiokafka import TopicPartition

from api.app import create_app
from api.changes import Changes
from api.follow import Follower
from api.live import Live
from api.metrics import Metrics
from api.services import Services
from api.settings import ApiSettings
from history.sqlite import SqliteHistory
from runtime.registry import SensorRegistry
from runtime.registry_change import Change, Edit
from runtime.sensors_file import SensorsFile
from schemas.gateway import Clock
from schemas.topics import GATEWAYS, LATEST
from tests.api.fakes import NOW
from tests.polling import until_async


async def until(condition: Callable[[], bool], *, seconds: float = 15.0) -> None:
    """Return once `condition` holds; fail if it does not in time."""
    await until_async(condition, seconds, "what the API was to notice")


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    """All loaded and ready, no sensor yet, a real and empty history; clock and stream stand at NOW."""
    settings = ApiSettings(data=tmp_path)
    registry = SensorRegistry(SensorsFile(tmp_path / "sensors.yaml", required=False), "127.0.0.1:1", "sensors")
    live = Live(lambda: registry.registry)
    live.clock.apply("0", Clock(0, NOW))
    changes = Changes(settings.streams)
    live.sensors.on_change = lambda key: changes.mark("sensor", key)
    live.gateways.on_change = lambda key: changes.mark("gateway", key)
    metrics = Metrics(live, lambda: NOW)
    reader = Follower("127.0.0.1:1", {}, metrics)
    reader.loaded, reader.problem = True, None
    reader.positions = {
        TopicPartition(topic.full_name(settings.topic_prefix), partition): 0
        for topic in (LATEST, GATEWAYS)
        for partition in (0, 1)
    }
    history = SqliteHistory(tmp_path / "history.sqlite")

    async def write(edit: Edit, now: int) -> dict[str, Change]:
        """As the topic would have it."""
        before = registry.told
        wanted = {sensor: entry for sensor, entry in edit(before).items() if entry is not None}
        registry.told = {**before, **wanted}
        registry.merge()
        return {sensor: Change(before.get(sensor), entry) for sensor, entry in wanted.items()}

    yield Services(settings, lambda: NOW, live, reader, history, metrics, registry, changes, write)
    await history.close()


def register(services: Services, text: str) -> None:
    """Write the sensors file and read it; `text` stands under `sensors:`."""
    services.registry.file.path.write_text("sensors:\n" + text)
    assert services.registry.refresh() is None


@pytest.fixture
async def client(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks HTTP with the app in this process. The lifespan does not run: nothing is followed."""
    transport = httpx.ASGITransport(app=create_app(services.settings, services))
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        yield client
