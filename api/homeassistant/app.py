"""The picture: followed topics -> announcer -> MQTT, and the process around it."""

import asyncio
import contextlib
import itertools
import logging
from typing import Any

from api.follow import Follower
from api.homeassistant.announcer import Announcer
from api.homeassistant.discovery import OFFLINE, ONLINE
from api.homeassistant.metrics import FOLLOWED, MQTT_CONNECTED, MQTT_FAILURES
from api.homeassistant.settings import HomeAssistantSettings
from api.live import Live
from api.table import Table
from api.times import system_clock
from runtime.health import health_page
from runtime.mqtt_connection import Message, MqttConnection
from runtime.page_keys import page_keys
from runtime.registry import open_registry
from runtime.tls import page_tls
from runtime.version import version
from schemas.home_assistant import STATE, configured_sensor, status_topic
from schemas.topics import CLOCK, GATEWAYS, LATEST, Topic

log = logging.getLogger("bluflow.homeassistant")

EVERY_SECONDS = 1.0
AT_ONCE = 1000  # messages, until what came in meanwhile is looked at


class HomeAssistant:
    """Keeps what Home Assistant was told equal to how the sensors stand."""

    def __init__(self, settings: HomeAssistantSettings) -> None:
        """Raises SettingsError for a sensors file that cannot be used."""
        self.registry = open_registry(settings)
        self._live = Live(lambda: self.registry.registry)
        tables: dict[Topic, Table[Any]] = {
            LATEST: self._live.sensors,
            GATEWAYS: self._live.gateways,
            CLOCK: self._live.clock,
        }
        self.follower = Follower(
            settings.broker, {settings.topic(topic): table for topic, table in tables.items()}, FOLLOWED
        )
        self._announcer = Announcer(self._live, settings.prefix, version(), claimed_only=settings.claimed_only)
        self._status = status_topic(settings.prefix)
        self._online = False
        self.connection = MqttConnection(
            settings,
            [self._status, f"{settings.prefix}/device/+/config"],
            self._heard,
            on_up=self._up,
            on_lost=self._lost,
            will=Message(STATE, OFFLINE, retain=True),
        )

    def problem(self) -> str | None:
        """Why we are not ready."""
        return "; ".join(filter(None, (self.connection.problem, self.follower.problem, self.registry.problem))) or None

    async def tell(self) -> None:
        """Say what is due, for ever."""
        while True:
            rest = False
            if self.connection.trouble is None and self.follower.loaded and self.registry.loaded.is_set():
                await self._refresh_registry()
                messages = list(itertools.islice(self._announcer.due(self._live.at(system_clock())), AT_ONCE))
                for message in messages:
                    self.connection.publish(message)
                rest = len(messages) == AT_ONCE
                if not self._online and not rest:
                    # last: what availability the broker kept of an earlier life has been set right by now
                    self._online = True
                    self.connection.publish(Message(STATE, ONLINE, retain=True))
            await asyncio.sleep(0 if rest else EVERY_SECONDS)

    async def _refresh_registry(self) -> None:
        if problem := await self.registry.refresh_aside():
            log.error("%s; names, places and intervals stay as they were", problem)

    def _heard(self, message: Message) -> None:
        sensor = configured_sensor(message.topic)
        if message.topic == self._status:
            if message.payload == b"online":
                log.info("Home Assistant is there: telling it everything again")
                self._announcer.forget()
        elif sensor is not None and message.retain and message.payload:
            self._announcer.kept(sensor)

    def _up(self) -> None:
        self._announcer.forget()
        self._online = False
        MQTT_CONNECTED.set(1)

    def _lost(self) -> None:
        MQTT_CONNECTED.set(0)
        MQTT_FAILURES.inc()


async def home_assistant(settings: HomeAssistantSettings, stop: asyncio.Event) -> None:
    """Tell Home Assistant until `stop` is set. Raises CannotListen; a bug in a task ends the process."""
    parts = HomeAssistant(settings)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(
            health_page(settings.host, settings.port, ready=parts.problem, tls=page_tls(settings), keys=page_keys())
        )
        group = await stack.enter_async_context(asyncio.TaskGroup())
        running = [
            group.create_task(parts.registry.run(), name="registry"),
            group.create_task(parts.follower.run(), name="follower"),
            group.create_task(parts.connection.run(), name="mqtt"),
            group.create_task(parts.tell(), name="tell"),
        ]
        await stop.wait()
        await parts.connection.leave()
        for task in running:
            task.cancel()
