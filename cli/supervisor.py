"""Starts the processes in order, starts again what dies, stops each before what it needs. Knows not what they do.

Idle it sleeps: ends are reported by threads that wait in the kernel, ports are asked only while something starts.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cli.ready import until_accepts, until_ready
from cli.service import Process, Service, how_it_ended
from cli.unusable import Unusable

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what, in seconds."""

    stop: float = 10.0
    bounce: float = 3.0
    port: float = 30.0
    settle: float = 0.5  # one without a port counts as up when it still runs after this
    health: float = 20.0
    first_delay: float = 0.5
    longest_delay: float = 30.0
    good_health: float = 60.0


@dataclass(slots=True)
class _Child:
    """A service and its present process. `up` is set while others may rely on it."""

    service: Service
    process: Process | None = None
    up: asyncio.Event = field(default_factory=asyncio.Event)
    was_up: bool = False
    ready: bool = True
    bounced: bool = False

    def running(self) -> Process | None:
        return self.process if self.process and not self.process.ended.done() else None


class Supervisor:
    """Keeps `services` running; they are listed in the order of starting. `say` shows one line on the screen."""

    def __init__(
        self,
        services: Sequence[Service],
        logs: Path,
        say: Callable[[str], None],
        patience: Patience | None = None,
        log_format: str = "auto",
    ) -> None:
        self._children = {service.name: _Child(service) for service in services}
        self._logs = logs
        self._say = say
        self._patience = patience or Patience()
        self._log_format = log_format

    def log_of(self, name: str) -> Path:
        """Where a service's output goes."""
        return self._logs / f"{name}.log"

    async def run(
        self, stop: asyncio.Event, hurry: asyncio.Event, *, when_ready: Callable[[list[str]], None] = lambda _: None
    ) -> None:
        """Until `stop`; then all stop in order, or at once when `hurry` is set. Raises Unusable.

        `when_ready` is called once, when everything answers or its time is over, with the names of what does not.
        """
        keepers = [asyncio.create_task(self._keep(child)) for child in self._children.values()]
        others = [
            asyncio.create_task(stop.wait()),
            asyncio.create_task(self._tell_when_ready(when_ready)),
        ]
        try:
            # a keeper never returns: if one is done it failed, and its exception goes on to our caller
            done, _ = await asyncio.wait([others[0], *keepers], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in [*keepers, *others]:
                task.cancel()
            await asyncio.gather(*keepers, *others, return_exceptions=True)
            await self._stop_all(hurry)

    async def _keep(self, child: _Child) -> None:
        """One service, for ever: start it, see it end, say so, start it again."""
        patience, name = self._patience, child.service.name
        delay = patience.first_delay
        while True:
            await self._wait_for_needs(child)
            started = time.monotonic()
            end = await self._live(child)
            if child.bounced:
                child.bounced = False
                continue
            if time.monotonic() - started >= patience.good_health:
                delay = patience.first_delay
            self._say(f"{name} died ({end}); starting it again in {delay:g} s; see {self.log_of(name)}")
            await self._bounce_dependants(child)
            await asyncio.sleep(delay)
            delay = min(2 * delay, patience.longest_delay)

    async def _wait_for_needs(self, child: _Child) -> None:
        service = child.service
        names = service.depends_on if child.was_up else (*service.depends_on, *service.after)
        needs = [self._children[name] for name in names if name in self._children]
        while missing := [need for need in needs if not need.up.is_set()]:
            await missing[0].up.wait()

    async def _live(self, child: _Child) -> str:
        """From start to end of one process; gives how it ended. Raises Unusable if the very first one cannot be."""
        service = child.service
        try:
            child.process = process = Process(service, self.log_of(service.name), self._log_format)
        except OSError as error:
            if child.was_up:
                return str(error)
            raise Unusable(f"cannot start {service.name}: {error}") from error
        becoming = asyncio.create_task(self._become_up(child, process))
        try:
            code = await process.wait()
        finally:
            child.up.clear()
            becoming.cancel()
            [outcome] = await asyncio.gather(becoming, return_exceptions=True)
        if isinstance(outcome, Exception):
            raise outcome
        if code == 2 and not child.was_up:
            raise Unusable(process.last_words() or f"{service.name} does not accept its settings")
        return how_it_ended(code)

    async def _become_up(self, child: _Child, process: Process) -> None:
        """Set `up` once others may rely on it; kill it if its port does not come or `once_up` fails."""
        service, patience, again = child.service, self._patience, child.was_up
        if not service.address:
            await asyncio.sleep(patience.settle)
        elif not await until_accepts(service.address, patience.port):
            self._say(f"{service.name} does not accept connections on {service.address} after {patience.port:g} s")
            process.kill()
            return
        try:
            await service.once_up()
        except Exception as error:
            process.kill()
            if not again:
                raise Unusable(f"{service.name}: {error}") from error
            log.exception("after the start of %s", service.name)
            return
        if service.address and service.health and not again:
            child.ready = await until_ready(service.address, service.health, patience.health, service.tls)
        child.was_up = True
        child.up.set()
        if again:
            self._say(f"{service.name} runs again")

    async def _bounce_dependants(self, broker: _Child) -> None:
        """Stop what depends on a service that died; each starts again once that is up.

        A Kafka broker that comes back without its last second hands the same offsets out again. Whoever remembers
        offsets (bridge, worker, sinks, API) must read them anew, or it would skip what now stands there.
        """
        stops = []
        for child in self._children.values():
            if broker.service.name in child.service.depends_on and (process := child.running()):
                child.bounced = True
                stops.append(process.stop(self._patience.bounce))  # they cannot finish much without it: not long
        await asyncio.gather(*stops)

    async def _stop_all(self, hurry: asyncio.Event) -> None:
        """Each once all that needed it have ended; those that do not need each other at the same time."""
        ended = {name: asyncio.Event() for name in self._children}

        async def stop(child: _Child) -> None:
            for other in self._children.values():
                if child.service.name in (*other.service.depends_on, *other.service.after):
                    await ended[other.service.name].wait()
            await self._stop(child, hurry)
            ended[child.service.name].set()

        await asyncio.gather(*map(stop, self._children.values()))

    async def _stop(self, child: _Child, hurry: asyncio.Event) -> None:
        process = child.running()
        if process and not await process.stop(self._patience.stop, hurry):
            self._say(
                f"{child.service.name} was killed: "
                + ("you asked for it" if hurry.is_set() else f"it did not stop within {self._patience.stop:g} s")
            )

    async def _tell_when_ready(self, when_ready: Callable[[list[str]], None]) -> None:
        patience = self._patience
        ups = [asyncio.create_task(child.up.wait()) for child in self._children.values()]
        try:
            await asyncio.wait(ups, timeout=patience.port + patience.health)
        finally:
            for task in ups:
                task.cancel()
        children = self._children.values()
        when_ready([child.service.name for child in children if not (child.up.is_set() and child.ready)])
