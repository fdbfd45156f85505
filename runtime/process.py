"""How a process starts and stops: settings, log, signals, exit codes.

Exit 0: it ended in order. 1: it failed, the log says why. 2: it cannot run as it is set up, one line says why.
"""

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from runtime.kafka_login import kafka_login
from runtime.logs import setup_logging
from runtime.page_keys import page_keys
from runtime.secret_files import open_to_others, secrets_of
from runtime.settings import CannotListen, Settings, SettingsError, load, variable
from runtime.tls import page_tls

log = logging.getLogger("bluflow.process")

S = TypeVar("S", bound=Settings)
Serve = Callable[[S, asyncio.Event], Awaitable[None]]

__all__ = ["collect_seldom", "exit_codes", "listen", "main", "setup_logging", "start"]


def main(kind: type[S], serve: Serve[S], *, name: str, kafka: bool) -> None:
    """A whole process: load, log, then `serve(settings, stop)` until it returns; SIGTERM and SIGINT set `stop`.

    `name` is the process's in the log. `kafka`: it has Kafka consumers. A SettingsError that `serve` raises when it
    finds at the start what cannot be used (a port, a folder) is one line and exit 2.
    """
    with exit_codes(kind):
        settings = start(kind, name=name, kafka=kafka)
        asyncio.run(_until_signal(serve, settings))


def start(kind: type[S], *, name: str, kafka: bool) -> S:
    """The settings, with the log set up by them. Raises SettingsError."""
    collect_seldom()
    settings = load(kind)
    secrets = secrets_of(settings)
    setup_logging(settings.log_level, process=name, form=settings.log_format, secrets=secrets, stream=sys.stdout)
    for warning in open_to_others(settings):
        log.warning("%s", warning)
    kafka_login()  # what cannot be used ends it now, in one line
    page_tls(settings)
    page_keys()
    if kafka:
        from runtime.kafka import fetch_patiently  # here: a process without Kafka need not load its client

        fetch_patiently()
    return settings


def collect_seldom() -> None:
    """Let the garbage collector look less often. What we hold, states and a batch's records, is free of cycles.

    With the default thresholds it looks through all of it again and again: a third of a sink's time, and every
    fiftieth answer of an API with 10,000 sensors waits 80 ms for it.
    """
    gc.set_threshold(100_000, 50, 50)


@contextmanager
def exit_codes(kind: type[Settings]) -> Iterator[None]:
    """What a process ends with, for what is raised within."""
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except SettingsError as error:
        remedy = ""
        if isinstance(error, CannotListen):
            remedy = f"; set {variable(kind, 'host' if error.host_is_wrong else 'port')}"
        sys.stderr.write(f"bluflow: {error}{remedy}\n")
        raise SystemExit(2) from None
    except Exception as error:
        log.critical("the process ends: %r", error, exc_info=True)
        raise SystemExit(1) from None


def listen(settings: Settings, port: int, what: str) -> socket.socket:
    """A listening socket on the settings' address. Raises CannotListen."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listening = socket.create_server((settings.host, port), family=family)
    except OSError as error:
        raise CannotListen(what, settings.host, port, error) from None
    # Connections inherit it. asyncio sets it only for listeners of its own: with this one each answer on a kept
    # connection would wait, after its head, for the client's delayed acknowledgement, some 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


async def _until_signal(serve: Serve[S], settings: S) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(settings, stop)
