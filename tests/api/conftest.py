"""An API whose live state, history and clock a test holds in its hands; Kafka is in test_latest.py."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.latest import LatestReader
from api.metrics import Metrics
from api.services import Services
from api.settings import ApiSettings
from api.table import LatestTable
from history.sqlite import SqliteHistory
from tests.api.fakes import NOW


async def until(condition: Callable[[], bool], *, seconds: float = 15.0) -> None:
    """Return once `condition` holds; fail if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s"
        await asyncio.sleep(0.02)


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    """All loaded and ready, no sensor yet, a real and empty history; the clock stands at NOW."""
    settings = ApiSettings(data=tmp_path)
    table = LatestTable()
    metrics = Metrics(table, lambda: NOW, settings.stale_seconds)
    reader = LatestReader("127.0.0.1:1", "latest", table, metrics)
    reader.loaded, reader.problem = True, None
    history = SqliteHistory(tmp_path / "history.sqlite")
    yield Services(settings, lambda: NOW, table, reader, history, metrics)
    await history.close()


@pytest.fixture
async def client(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks HTTP with the app in this process. The lifespan does not run: nothing is followed."""
    transport = httpx.ASGITransport(app=create_app(services.settings, services))
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        yield client
