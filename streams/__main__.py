"""`python -m streams worker`: decode and track."""

import asyncio
import logging
import socket
import sys

import faust
from aiokafka.errors import KafkaError

from runtime.kafka import fetch_patiently
from runtime.process import setup_logging
from runtime.settings import load_or_exit
from streams.app import make_app
from streams.keys import InvalidKeys
from streams.places import Places, TopicsMissing, find_places
from streams.settings import StreamsSettings

log = logging.getLogger("streams")
RETRY_SECONDS = 1.0


async def wait_for_places(settings: StreamsSettings) -> Places:
    """Until the broker answers and every topic is there; says once what it waits for."""
    said = ""
    while True:
        try:
            return await find_places(settings.broker, settings.topic_prefix)
        except (KafkaError, TopicsMissing, OSError) as error:
            cause = str(error) if isinstance(error, TopicsMissing) else f"no Kafka broker answers on {settings.broker}"
            if cause != said:
                log.warning("waiting: %s", cause)
                said = cause
        await asyncio.sleep(RETRY_SECONDS)


def check_port(settings: StreamsSettings) -> None:
    """Whether the health page's port is free; one line and exit 2 if not. Faust would bury it in a traceback."""
    try:
        socket.create_server((settings.host, settings.port)).close()
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]
        place = f"{settings.host}:{settings.port}"
        sys.stderr.write(f"bluflow: worker cannot listen on {place}: {reason}; set STREAMS_PORT\n")
        raise SystemExit(2) from None


def main() -> None:
    """The worker, until SIGTERM."""
    if sys.argv[1:] not in ([], ["worker"]):
        sys.stderr.write("bluflow: use: python -m streams worker\n")
        raise SystemExit(2)
    settings = load_or_exit(StreamsSettings)
    check_port(settings)
    setup_logging(settings.log_level)
    fetch_patiently()
    places = asyncio.run(wait_for_places(settings))
    try:
        app = make_app(settings, places)
    except InvalidKeys as error:
        sys.stderr.write(f"bluflow: {error}\n")
        raise SystemExit(2) from None
    faust.Worker(app, loglevel="INFO", override_logging=False, redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main()
