"""The picture: notifications and answers -> agenda -> questions, and the process around it."""

import asyncio
import contextlib
import logging

from runtime.health import health_page
from runtime.mqtt_connection import Message, MqttConnection
from runtime.page_keys import page_keys
from runtime.tls import page_tls
from shelly.inventory.agenda import Agenda
from shelly.inventory.metrics import ANSWERS, CONNECTED, CONNECTION_FAILURES, GATEWAYS, REQUESTS
from shelly.inventory.settings import InventorySettings

log = logging.getLogger("bluflow.inventory")

_LONGEST_SLEEP = 60.0


class Inventory:
    """connection -> `heard` -> agenda -> `ask` -> connection. What the answers say, the stream reads for itself."""

    def __init__(self, settings: InventorySettings) -> None:
        self._agenda = Agenda(settings.refresh_hours * 3600, settings.answer_seconds)
        self._loop = asyncio.get_running_loop()
        self._something = asyncio.Event()
        self.connection = MqttConnection(
            settings,
            settings.subscriptions,
            self._heard,
            on_up=lambda: CONNECTED.set(1),
            on_lost=self._lost,
        )

    async def ask(self) -> None:
        """Send what is due, for ever."""
        while True:
            self._something.clear()
            if self.connection.trouble is None:
                ANSWERS.labels("timeout").inc(self._agenda.timeouts(self._loop.time()))
                for request in self._agenda.requests(self._loop.time()):
                    log.debug("asking on %s", request.topic)
                    REQUESTS.inc()
                    self.connection.publish(Message(*request))
            due = self._agenda.next_at()
            wait = _LONGEST_SLEEP if due is None else due - self._loop.time()
            with contextlib.suppress(TimeoutError):
                # while we are not connected everything may be overdue: no need to look more than once a second
                least = 0.0 if self.connection.trouble is None else 1.0
                await asyncio.wait_for(self._something.wait(), min(max(wait, least), _LONGEST_SLEEP))

    def _heard(self, message: Message) -> None:
        outcome = self._agenda.heard(message.topic, message.payload, self._loop.time())
        GATEWAYS.set(len(self._agenda.gateways))
        if outcome is not None:
            ANSWERS.labels(outcome).inc()
            log.info("%s: %s", message.topic, outcome)
        self._something.set()

    def _lost(self) -> None:
        CONNECTED.set(0)
        CONNECTION_FAILURES.inc()
        self._agenda.disconnected(self._loop.time())


async def inventory(settings: InventorySettings, stop: asyncio.Event) -> None:
    """Ask until `stop` is set. Raises CannotListen; a bug in a task ends the process."""
    parts = Inventory(settings)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(
            health_page(
                settings.host,
                settings.port,
                ready=lambda: parts.connection.problem,
                tls=page_tls(settings),
                keys=page_keys(),
            )
        )
        group = await stack.enter_async_context(asyncio.TaskGroup())
        running = [group.create_task(parts.connection.run()), group.create_task(parts.ask())]
        await stop.wait()
        for task in running:
            task.cancel()
