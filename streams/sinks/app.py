"""The picture: which topic goes to which store, and the process around it."""

import asyncio
import logging
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from history.archive import Archive
from history.sqlite import SqliteHistory
from runtime.health import health_page
from runtime.settings import SettingsError
from streams.sinks.archive import ArchiveTarget
from streams.sinks.history import HistoryTarget
from streams.sinks.settings import SinkSettings
from streams.sinks.sink import Sink


def sinks(settings: SinkSettings) -> list[Sink[Any]]:
    """One for each store. Each has a group of its own, so that one's outage is not the other's."""
    history = HistoryTarget(SqliteHistory(settings.data / "history.sqlite"))
    archive = ArchiveTarget(Archive(settings.data / "archive.sqlite"), keep_days=settings.archive_days)
    return [Sink(history, settings), Sink(archive, settings)]


async def app(settings: SinkSettings, stop: asyncio.Event) -> None:
    """Feed the stores until `stop` is set. Raises SettingsError for a folder or port that cannot be used."""
    check_folder(settings.data)
    if settings.log_level != "DEBUG":
        # aiokafka reports a missing broker at every try; the sinks say it once.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    running = sinks(settings)

    def ready() -> str | None:
        return "; ".join(sink.problem for sink in running if sink.problem) or None

    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(health_page(settings.host, settings.port, ready=ready))
        except OSError as error:
            raise SettingsError(f"health page on {settings.host}:{settings.port}: {error.strerror}") from None
        group = await stack.enter_async_context(asyncio.TaskGroup())
        for sink in running:
            group.create_task(sink.run(stop))


def check_folder(folder: Path) -> None:
    """Make the stores' folder if there is none. Raises SettingsError if it cannot be written."""
    probe = folder / ".writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SettingsError(f"data folder {folder}: {error.strerror}") from None
