"""A real API on a port, with live tables and a history that a test fills; it can be stopped and started again."""

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

import uvicorn
from aiokafka import TopicPartition

from api.__main__ import Server
from api.app import create_app
from api.changes import Changes
from api.follow import Follower
from api.live import Live
from api.metrics import Metrics
from api.services import Services
from api.settings import ApiSettings
from api.table import Place
from api.times import system_clock
from api.watch import Watch
from history.sqlite import SqliteHistory
from runtime.page_keys import ApiKeyFile
from runtime.registry import SensorRegistry
from runtime.registry_change import Change, Edit
from runtime.sensors_file import SensorsFile
from schemas.gateway import Clock, GatewayState
from schemas.reading import Latest
from schemas.topics import GATEWAYS, LATEST, Topic


async def _nobody_writes(edit: Edit, now: int) -> dict[str, Change]:
    raise TimeoutError("the page only reads")


class Site:
    """The API as its process has it, but for Kafka: what a follower would apply, a test applies."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.history = SqliteHistory(folder / "history.sqlite")
        self.keys: ApiKeyFile | None = None  # from the next start on
        self._port = port
        self._settings = ApiSettings(data=folder)
        file = SensorsFile(folder / "sensors.yaml", required=False)
        self._registry = SensorRegistry(file, "127.0.0.1:1", "sensors")
        self._live = Live(lambda: self._registry.registry)
        self._reader = Follower("127.0.0.1:1", {}, Metrics(self._live, system_clock))
        self._reader.loaded, self._reader.problem = True, None
        self._partitions = {
            topic: TopicPartition(topic.full_name(self._settings.topic_prefix), 0) for topic in (LATEST, GATEWAYS)
        }
        self._reader.positions = dict.fromkeys(self._partitions.values(), 0)
        self._tasks: list[asyncio.Task[None]] = []

    def register(self, text: str) -> None:
        """Write the sensors file and read it; `text` stands under `sensors:`."""
        self._registry.file.path.write_text("sensors:\n" + text)
        assert self._registry.refresh() is None

    def say(self, *states: Latest | GatewayState) -> None:
        """What the topics would bring, and the stream's clock with it."""
        self._live.clock.apply("0", Clock(0, system_clock()))
        for state in states:
            if isinstance(state, Latest):
                self._live.sensors.apply(state.sensor, state, self._next(LATEST))
            else:
                self._live.gateways.apply(state.prefix, state, self._next(GATEWAYS))

    def stream_is_behind(self, milliseconds: int) -> None:
        """The stream's clock stands so far back."""
        self._live.clock.apply("1", Clock(1, system_clock() - milliseconds))
        self._reader.problem = "the topic is being read"

    async def start(self) -> None:
        """Serve, as a new process would: no stream of an earlier one is known."""
        changes = Changes(self._settings.streams)
        self._live.sensors.on_change = lambda key: changes.mark("sensor", key)
        self._live.gateways.on_change = lambda key: changes.mark("gateway", key)
        self._changes = changes
        services = Services(
            self._settings,
            system_clock,
            self._live,
            self._reader,
            self.history,
            Metrics(self._live, system_clock),
            self._registry,
            changes,
            _nobody_writes,
            self.keys,
        )
        app = create_app(self._settings, services)
        self._server = Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
        listening = socket.create_server(("127.0.0.1", self._port))
        self._tasks = [
            asyncio.create_task(self._server.serve(sockets=[listening])),
            asyncio.create_task(Watch(self._live, changes).run(system_clock)),
        ]

    async def stop(self) -> None:
        """End as the process does: streams first."""
        serving, watching = self._tasks
        self._changes.close()
        self._server.should_exit = True
        await serving
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching

    def lose_history(self) -> None:
        """From the next start on the history's file cannot be read."""
        broken = self._settings.data / "broken.sqlite"
        broken.write_bytes(b"this is no database" * 100)
        self.history = SqliteHistory(broken)

    def _next(self, topic: Topic) -> Place:
        partition = self._partitions[topic]
        self._reader.positions[partition] += 1
        return Place(0, self._reader.positions[partition])
