"""The picture: what the API opens, what it answers."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from api import openapi, problems
from api.guard import Guard
from api.latest import LatestReader
from api.metrics import Metrics
from api.routes import data, health, metrics, page, sensors
from api.services import Services
from api.settings import ApiSettings
from api.table import LatestTable
from api.times import system_clock
from history.sqlite import SqliteHistory
from history.store import HistoryReader, StoreUnavailable
from schemas.topics import LATEST

log = logging.getLogger(__name__)

V1 = "/api/v1"
ROUTERS = (
    (V1, sensors.router),  # what is now
    (V1, data.router),  # what was
    (V1, metrics.router),
    (V1, health.router),
    ("", metrics.router),  # and where Prometheus and orchestrators look by themselves
    ("", health.router),
    ("", page.router),
)


def create_app(settings: ApiSettings, services: Services | None = None) -> FastAPI:
    """The ASGI app. Its lifespan follows the latest topic; `services` replaces what it would open itself."""
    used = services or open_services(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(used.reader.run()), asyncio.create_task(seed(used.table, used.history))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await used.history.close()

    app = FastAPI(
        title="bluflow",
        version="1",
        description=openapi.DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=lifespan,
    )
    app.state.services = used
    for prefix, router in ROUTERS:
        app.include_router(router, prefix=prefix)
    problems.install(app)
    app.add_middleware(Guard)
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign]
    return app


def open_services(settings: ApiSettings) -> Services:
    """The real ones. Nothing is connected yet, so a broker or store that is away is no reason not to start."""
    table = LatestTable()
    own = Metrics(table, system_clock, settings.stale_seconds)
    topic = LATEST.full_name(settings.topic_prefix)
    reader = LatestReader(settings.broker, topic, table, own, check_seconds=settings.check_seconds)
    history = SqliteHistory(settings.data / "history.sqlite")
    return Services(settings, system_clock, table, reader, history, own)


async def seed(table: LatestTable, history: HistoryReader) -> None:
    """Make every sensor that history knows known here, so that a silent one is shown when the topic lost it."""
    wait = 1.0
    while True:
        try:
            table.seed(await history.newest())
            return
        except StoreUnavailable as error:
            log.warning("reading the newest of every sensor: %s; trying again in %.0f s", error, wait)
        except Exception:  # what the store holds cannot be understood: the live state goes on without it
            log.exception("reading the newest of every sensor; trying again in %.0f s", wait)
        await asyncio.sleep(wait)
        wait = min(wait * 2, 60)
