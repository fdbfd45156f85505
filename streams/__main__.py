"""`python -m streams worker`: decode and track."""

import asyncio
import logging
import sys

from aiokafka.errors import KafkaError

from runtime.data_folder import check_folder
from runtime.process import exit_codes, listen, start
from runtime.registry import SensorRegistry, open_registry
from runtime.settings import SettingsError
from streams.app import make_app
from streams.engine.app import EngineWorker
from streams.places import Places, TopicsMissing, find_places
from streams.settings import StreamsSettings

log = logging.getLogger("streams")
RETRY_SECONDS = 1.0


async def wait_for_places(settings: StreamsSettings) -> Places:
    """Until the broker answers and every topic is there; says once what it waits for."""
    said = ""
    while True:
        try:
            return await find_places(settings.broker, settings.topic_prefix, settings.generation)
        except (KafkaError, TopicsMissing, OSError) as error:
            cause = str(error) if isinstance(error, TopicsMissing) else f"no Kafka broker answers on {settings.broker}"
            if cause != said:
                log.warning("waiting: %s", cause)
                said = cause
        await asyncio.sleep(RETRY_SECONDS)


async def prepare(settings: StreamsSettings, registry: SensorRegistry) -> Places:
    """Where the topics are; then the registry was read too, so that no reading is made without it."""
    places = await wait_for_places(settings)
    await registry.until_loaded()
    return places


def worker() -> EngineWorker:
    """The worker, ready to run. Raises SettingsError."""
    if sys.argv[1:] not in ([], ["worker"]):
        raise SettingsError("use: python -m streams worker")
    settings = start(StreamsSettings, name="worker", kafka=True)
    check_folder(settings.data)
    # whether the health page will have its port: Faust would bury that in a traceback
    listen(settings, settings.port, "worker cannot listen").close()
    registry = open_registry(settings)
    app = make_app(settings, asyncio.run(prepare(settings, registry)), registry)
    made = EngineWorker(app, loglevel="INFO", override_logging=False, redirect_stdouts=False, quiet=True)
    made.spinner = None  # it draws on stdout, terminal or not
    return made


if __name__ == "__main__":
    with exit_codes(StreamsSettings):
        # Faust has its own loop and signals: what `runtime.process.main` does for the others
        worker().execute_from_commandline()
