"""What a request handler may use, opened once by the app."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.changes import Changes
from api.follow import Follower
from api.live import Live
from api.metrics import Metrics
from api.position import Position, position_of
from api.settings import ApiSettings
from api.times import Clock
from history.store import HistoryReader
from runtime.page_keys import ApiKeyFile
from runtime.registry import SensorRegistry
from runtime.registry_change import Change, Edit
from schemas.topics import GATEWAYS, LATEST

# (what to change, unix milliseconds) -> what was changed, once the registry's topic and this process have it
RegistryWriter = Callable[[Edit, int], Awaitable[dict[str, Change]]]


@dataclass(frozen=True, slots=True)
class Services:
    """One app's clock, live state, history, metrics and open event streams."""

    settings: ApiSettings
    now: Clock
    live: Live
    reader: Follower
    history: HistoryReader
    metrics: Metrics
    registry: SensorRegistry
    changes: Changes
    write: RegistryWriter
    keys: ApiKeyFile | None = None  # None: no request needs one

    def position(self) -> Position | None:
        """How far this process has come; None before it has read the topics."""
        if not self.reader.loaded:
            return None
        topics = (self.settings.topic(LATEST), self.settings.topic(GATEWAYS))
        return position_of(self.reader.positions, topics, self.live.registry)


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Use = Annotated[Services, Depends(_services)]
