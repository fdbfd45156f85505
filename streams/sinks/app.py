"""The picture: which topic goes to which store, and the process around it."""

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import Any

from history.archive import Archive
from history.open import open_writer
from history.store import StoreMisconfigured, StoreUnavailable
from runtime.data_folder import check_folder
from runtime.health import health_page
from runtime.page_keys import page_keys
from runtime.registry import SensorRegistry, open_registry
from runtime.registry_copy import keep_copy
from runtime.settings import SettingsError
from runtime.tls import page_tls
from schemas.registry import Registry
from streams.sinks.aggregates import AggregatesTarget
from streams.sinks.archive import ArchiveTarget
from streams.sinks.deliveries import DeliveriesTarget
from streams.sinks.history import HistoryTarget
from streams.sinks.settings import SinkSettings
from streams.sinks.sink import Sink


def sinks(settings: SinkSettings, registry: SensorRegistry) -> list[Sink[Any]]:
    """Each has a group and a connection of its own, so that one's outage is not the other's.

    Raises SettingsError for a store's setting that cannot be used.
    """

    def known() -> Registry:
        """A store that keeps places asks for it at each batch: none is placed before it is known where."""
        if not registry.loaded.is_set():
            raise StoreUnavailable(f"registry: {registry.problem}")
        return registry.current()

    try:
        history = HistoryTarget(open_writer(settings, known))
        aggregates = AggregatesTarget(open_writer(settings, known))
        deliveries = DeliveriesTarget(open_writer(settings, known))
    except StoreMisconfigured as error:
        raise SettingsError(str(error)) from None
    archive = ArchiveTarget(Archive(settings.data / "archive.sqlite"), keep_days=settings.archive_days)
    return [Sink(history, settings), Sink(aggregates, settings), Sink(deliveries, settings), Sink(archive, settings)]


async def app(settings: SinkSettings, stop: asyncio.Event) -> None:
    """Feed the stores until `stop` is set. Raises SettingsError for what cannot be used."""
    check_folder(settings.data)
    if settings.log_level != "DEBUG":
        # aiokafka reports a missing broker at every try; the sinks say it once.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    registry = open_registry(settings)
    registry.on_told = keep_copy(settings.data)
    running = sinks(settings, registry)

    def ready() -> str | None:
        problems = (registry.problem, *(sink.problem for sink in running))
        return "; ".join(problem for problem in problems if problem) or None

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(
            health_page(settings.host, settings.port, ready=ready, tls=page_tls(settings), keys=page_keys())
        )
        group = await stack.enter_async_context(asyncio.TaskGroup())
        following = group.create_task(registry.run())
        await asyncio.wait([group.create_task(sink.run(stop)) for sink in running])
        following.cancel()
