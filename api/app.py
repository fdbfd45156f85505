"""The picture: what the API opens, what it answers."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Depends, FastAPI

from api import openapi, problems
from api.access import Access
from api.changes import Changes
from api.follow import Follower
from api.guard import Guard
from api.live import Live
from api.metrics import Metrics
from api.required_keys import open_keys
from api.routes import V1, data, delivery, gateways, health, metrics, page, sensors, session, stream
from api.routes import openapi as description
from api.routes.parameters import only_known
from api.services import Services
from api.settings import ApiSettings
from api.table import SensorTable, Table
from api.times import system_clock
from api.watch import Watch, watch_registry
from history.open import open_reader
from history.store import HistoryReader, StoreMisconfigured, StoreUnavailable
from runtime.registry import open_registry
from runtime.registry_change import Change, Edit, change_registry
from runtime.settings import SettingsError
from schemas.topics import CLOCK, GATEWAYS, LATEST, SENSORS, Topic

log = logging.getLogger(__name__)

ROUTERS: tuple[tuple[str, APIRouter], ...] = (
    (V1, sensors.router),  # what is now
    (V1, gateways.router),
    (V1, stream.router),  # what changes
    (V1, data.router),  # what was
    (V1, delivery.router),
    (V1, metrics.router),
    (V1, health.router),
    ("", metrics.router),  # and where Prometheus and orchestrators look by themselves
    ("", health.router),
    ("", description.router),
    ("", page.router),
    ("", session.router),
)


def create_app(settings: ApiSettings, services: Services | None = None) -> FastAPI:
    """The ASGI app. Its lifespan follows the topics; `services` replaces what it would open itself."""
    used = services or open_services(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        watch = Watch(used.live, used.changes)
        tasks = [
            asyncio.create_task(used.reader.run()),
            asyncio.create_task(used.registry.run()),
            asyncio.create_task(seed(used.live.sensors, used.history)),
            asyncio.create_task(watch.run(used.now)),
            asyncio.create_task(watch_registry(used.registry, used.live, used.changes, watch, used.metrics)),
        ]
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
        openapi_url=None,  # served by a route of ours; /docs would load its program from elsewhere
    )
    app.state.services = used
    for prefix, router in ROUTERS:
        app.include_router(router, prefix=prefix, dependencies=[Depends(only_known)] if prefix else [])
    problems.install(app)
    app.add_middleware(Access)
    app.add_middleware(Guard)  # the last is the outermost: refusals are counted and have their headers too
    app.openapi = lambda: openapi.document(app, keys_required=used.keys is not None)  # type: ignore[method-assign]
    return app


def open_services(settings: ApiSettings) -> Services:
    """The real ones. Nothing is connected yet, so a broker or store that is away is no reason not to start.

    Raises SettingsError for a sensors file, a file of keys or a store's setting that cannot be used.
    """
    keys = open_keys(settings)
    registry = open_registry(settings)
    live = Live(lambda: registry.registry)
    changes = Changes(settings.streams)
    live.sensors.on_change = lambda key: changes.mark("sensor", key)
    live.gateways.on_change = lambda key: changes.mark("gateway", key)
    own = Metrics(live, system_clock)
    own.streams.set_function(lambda: len(changes))
    tables: dict[Topic, Table[Any]] = {LATEST: live.sensors, GATEWAYS: live.gateways, CLOCK: live.clock}
    reader = Follower(
        settings.broker,
        {settings.topic(topic): table for topic, table in tables.items()},
        own,
        check_seconds=settings.check_seconds,
    )

    async def write(edit: Edit, now: int) -> dict[str, Change]:
        changes = await change_registry(settings.broker, settings.topic(SENSORS), edit, now)
        await registry.catch_up()
        return changes

    try:
        history = open_reader(settings)
    except StoreMisconfigured as error:
        raise SettingsError(str(error)) from None
    return Services(settings, system_clock, live, reader, history, own, registry, changes, write, keys)


async def seed(table: SensorTable, history: HistoryReader) -> None:
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
