"""Which engine the settings mean: one function for the writing side and one for the reading side."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from history.sqlite import SqliteHistory
from history.store import HistoryReader, HistoryRebuilder, HistoryWriter, Retention
from schemas.registry import Registry

if TYPE_CHECKING:
    from history.influx import InfluxHistory


class StoreSettings(Protocol):
    """The settings that choose and describe the store; those of every process have them."""

    history: Literal["sqlite", "influxdb"]
    data: Path
    influxdb_url: str
    influxdb_org: str
    influxdb_bucket: str
    influxdb_token_file: Path | None
    raw_days: float
    five_minute_days: float


def open_writer(settings: StoreSettings, registry: Callable[[], Registry] = Registry) -> HistoryWriter:
    """The writing side; `registry` gives what is known of the sensors at each batch. Nothing is connected yet.

    Raises StoreMisconfigured.
    """
    return _open(settings, registry)


def open_reader(settings: StoreSettings) -> HistoryReader:
    """The reading side. Nothing is connected yet, and no file is made. Raises StoreMisconfigured."""
    return _open(settings, Registry)


def open_rebuilder(settings: StoreSettings, registry: Callable[[], Registry]) -> HistoryRebuilder:
    """The side that replaces days. Nothing is connected yet. Raises StoreMisconfigured."""
    return _open(settings, registry)


def _open(settings: StoreSettings, registry: Callable[[], Registry]) -> "SqliteHistory | InfluxHistory":
    if settings.history == "sqlite":
        retention = Retention(readings=settings.raw_days, five_minutes=settings.five_minute_days)
        return SqliteHistory(settings.data / "history.sqlite", retention=retention)
    from history.influx import InfluxHistory  # here: who keeps a file need not load 16 MB of client
    from history.influx_server import InfluxServer

    server = InfluxServer(settings.influxdb_url, settings.influxdb_org, settings.influxdb_token_file)
    return InfluxHistory(server, settings.influxdb_bucket, registry=registry)
