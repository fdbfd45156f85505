"""One process of the stack: what it is, and its life from start to end."""

import asyncio
import os
import signal
import ssl
import subprocess
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.child import kill, spawn
from cli.logs import LogFile, Output

_REST_SECONDS = 1.0  # for what a child wrote just before it ended


async def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Service:
    """What to start. `address` (host:port) accepts once it runs; `health` answers 200 once it is ready.

    `depends_on`: must run first, and when one of these dies this is restarted with it.
    `tls`: how to ask it, None for plain HTTP.
    `after`: must run first, no more. `once_up` is awaited after each start, before anything that depends on it starts.
    """

    name: str
    command: list[str]
    env: Mapping[str, str] = field(default_factory=dict)
    address: str | None = None
    health: str | None = None
    tls: ssl.SSLContext | None = None
    depends_on: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    once_up: Callable[[], Awaitable[None]] = _nothing


class Process:
    """One run of a service. Its output goes to `log`, in the log's format."""

    def __init__(self, service: Service, log: Path, log_format: str = "auto") -> None:
        """Raises OSError if the program cannot be started or the log not be written."""
        file = LogFile(log)
        env = {**os.environ, **service.env}
        try:
            self._popen = spawn(service.command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        except OSError:
            file.close()
            raise
        assert self._popen.stdout
        self._output = Output(service.name, self._popen.stdout, file, log_format)
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[int] = loop.create_future()

        def wait() -> None:
            code = self._popen.wait()
            self._output.finish(_REST_SECONDS)
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._set_ended, code)

        # a thread that sleeps in the kernel until the child ends: nothing is polled
        threading.Thread(target=wait, name=f"wait-{service.name}", daemon=True).start()

    def _set_ended(self, code: int) -> None:
        if not self.ended.done():
            self.ended.set_result(code)

    @property
    def pid(self) -> int:
        return self._popen.pid

    def last_words(self) -> str:
        """The last line it wrote in this run."""
        return self._output.last

    def kill(self) -> None:
        """End it at once."""
        if not self.ended.done():
            kill(self._popen)

    async def wait(self) -> int:
        """Its exit code; negative: the signal that ended it."""
        await asyncio.wait([self.ended])  # not the future itself: cancelling us must not cancel that
        return self.ended.result()

    async def stop(self, seconds: float, hurry: asyncio.Event | None = None) -> bool:
        """SIGTERM, and SIGKILL if that takes longer than `seconds` or `hurry` is set; False if it was killed."""
        if self.ended.done():
            return True
        hurried = asyncio.create_task((hurry or asyncio.Event()).wait())
        self._popen.terminate()
        either: list[asyncio.Future[Any]] = [self.ended, hurried]
        await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        clean = self.ended.done()
        if not clean:
            kill(self._popen)
            await self.wait()
        return clean


def how_it_ended(code: int) -> str:
    """`exit code 3` or `SIGKILL`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
