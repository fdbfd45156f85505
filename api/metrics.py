"""All metrics of the API: its own counters, and the sensors' as they are at the scrape."""

from collections.abc import Iterator
from math import isfinite

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from api.table import LatestTable
from api.times import Clock

# property -> the name and help of its metric; names as first asked for
_VALUES = {
    "temperature": (
        "shelly_temperature_celsius",
        "Newest temperature of a sensor that is not stale, in degrees Celsius",
    ),
    "humidity": ("shelly_humidity_percent", "Newest relative humidity of a sensor that is not stale, in percent"),
    "battery": ("shelly_battery_level", "Newest battery level of a sensor that is not stale, in percent"),
}


class SensorCollector(Collector):
    """The sensors' metrics, built at scrape time: a stale sensor's values vanish, its last-seen stays."""

    def __init__(self, table: LatestTable, now: Clock, stale_seconds: float) -> None:
        self._table, self._now, self._stale_seconds = table, now, stale_seconds

    def collect(self) -> Iterator[Metric]:
        values = {name: GaugeMetricFamily(*text, labels=["sensor_id"]) for name, text in _VALUES.items()}
        last_seen = GaugeMetricFamily(
            "shelly_sensor_last_seen",
            "When a live packet of the sensor last arrived, in unix seconds",
            labels=["sensor_id"],
        )
        info = InfoMetricFamily("shelly_sensor", "Name and location of a sensor", labels=["sensor_id"])
        oldest = self._now() - self._stale_seconds * 1000
        for latest in self._table.all():
            info.add_metric([latest.sensor], {"name": "", "location": "unassigned"})
            if latest.last_seen is None:
                continue
            last_seen.add_metric([latest.sensor], latest.last_seen / 1000)
            for name, family in values.items() if latest.last_seen >= oldest else ():
                number = _number(latest.values[name].value) if name in latest.values else None
                if number is not None:
                    family.add_metric([latest.sensor], number)
        yield from (*values.values(), last_seen, info)


def _number(value: object) -> float | None:
    """A property as one number: of a repeated property its first; None for what is no number."""
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if isfinite(value) else None


class Metrics:
    """One registry for each app, so that several apps fit into one process."""

    def __init__(self, table: LatestTable, now: Clock, stale_seconds: float) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(SensorCollector(table, now, stale_seconds))
        self.requests = Counter(
            "bluflow_api_requests",
            "HTTP requests by route template; status is `aborted` for a response that broke off",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self.applied = self._counter("latest_applied", "Records of the latest topic that were applied")
        self.ignored = self._counter("latest_ignored", "Records ignored because a higher revision is held")
        self.undecodable = self._counter("latest_undecodable", "Records of the latest topic that are not Latest")
        self.connected = Gauge(
            "bluflow_api_latest_connected",
            "1 while the reader follows the latest topic live, 0 while it connects or reads it from the beginning",
            registry=self.registry,
        )

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"bluflow_api_{name}", text, registry=self.registry)
