"""What a request handler may use, opened once by the app."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.latest import LatestReader
from api.metrics import Metrics
from api.settings import ApiSettings
from api.table import LatestTable
from api.times import Clock
from history.store import HistoryReader


@dataclass(frozen=True, slots=True)
class Services:
    """One app's clock, live state, history and metrics."""

    settings: ApiSettings
    now: Clock
    table: LatestTable
    reader: LatestReader
    history: HistoryReader
    metrics: Metrics


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Use = Annotated[Services, Depends(_services)]
