"""All metrics of the API: its own counters, and those of sensors and gateways as they are at the scrape."""

from collections.abc import Iterator
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from api.live import Live, Standing
from api.times import Clock
from api.views.sensor import number
from schemas.freshness import Freshness

# property -> the name and help of its metric; names as first asked for
_VALUES = {
    "temperature": (
        "shelly_temperature_celsius",
        "Newest temperature of a sensor that is fresh or late, in degrees Celsius",
    ),
    "humidity": (
        "shelly_humidity_percent",
        "Newest relative humidity of a sensor that is fresh or late, in percent",
    ),
    "battery": ("shelly_battery_level", "Newest battery level of a sensor that is fresh or late, in percent"),
}
_WITH_VALUES = ("fresh", "late")


class LiveCollector(Collector):
    """Built at scrape time: the values of a sensor that is stale or lost vanish, its last-seen stays."""

    def __init__(self, live: Live, now: Clock) -> None:
        self._live, self._now = live, now

    def collect(self) -> Iterator[Metric]:
        standing = self._live.at(self._now())
        yield from _sensors(standing)
        yield from _gateways(standing)


def _sensors(standing: Standing) -> Iterator[Metric]:
    values = {name: GaugeMetricFamily(*text, labels=["sensor_id"]) for name, text in _VALUES.items()}
    last_seen = GaugeMetricFamily(
        "shelly_sensor_last_seen",
        "When a live packet of the sensor last arrived, in unix seconds",
        labels=["sensor_id"],
    )
    freshness = GaugeMetricFamily(
        "shelly_sensor_freshness",
        "1 for what the sensor is: fresh, late, stale or lost; 0 for the others",
        labels=["sensor_id", "freshness"],
    )
    info = InfoMetricFamily("shelly_sensor", "Name and location of a sensor", labels=["sensor_id"])
    for id in standing.live.sensor_ids():
        entry, verdict, latest = standing.registry.entry(id), standing.verdict(id), standing.live.sensors.get(id)
        info.add_metric([id], {"name": entry.name or "", "location": entry.location_at(standing.now)})
        for one in get_args(Freshness):
            freshness.add_metric([id, one], one == verdict.freshness)
        if latest is None or latest.last_seen is None:
            continue
        last_seen.add_metric([id], latest.last_seen / 1000)
        for name, family in values.items() if verdict.freshness in _WITH_VALUES else ():
            found = number(latest.values[name].value) if name in latest.values else None
            if found is not None:
                family.add_metric([id], found)
    yield from (*values.values(), last_seen, freshness, info)


def _gateways(standing: Standing) -> Iterator[Metric]:
    last_frame = GaugeMetricFamily(
        "shelly_gateway_last_frame", "When the gateway's last frame arrived, in unix seconds", labels=["gateway"]
    )
    online = GaugeMetricFamily(
        "shelly_gateway_online",
        "1 if the gateway last said that it is online, 0 if it is not; absent if it said nothing",
        labels=["gateway"],
    )
    silent = GaugeMetricFamily(
        "shelly_gateway_silent", "1 if the gateway says nothing, as far as the stream has come", labels=["gateway"]
    )
    # by prefix, which tells gateways apart
    for one in standing.live.gateways.all():
        last_frame.add_metric([one.prefix], one.last_frame / 1000)
        silent.add_metric([one.prefix], standing.is_silent(one))
        if one.online is not None:
            online.add_metric([one.prefix], one.online)
    yield from (last_frame, online, silent)


class Metrics:
    """One registry for each app, so that several apps fit into one process."""

    def __init__(self, live: Live, now: Clock) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(LiveCollector(live, now))
        self.requests = Counter(
            "bluflow_api_requests",
            "HTTP requests by route template; status is `aborted` for a response that broke off",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self.records = Counter(
            "bluflow_api_records",
            "Records of the followed topics: applied, ignored (a higher revision is held) or undecodable",
            ["topic", "outcome"],
            registry=self.registry,
        )
        self.refused = Counter(
            "bluflow_api_refused",
            "Requests refused for their key: missing, malformed, unknown, expired, or of too small a scope",
            ["reason"],
            registry=self.registry,
        )
        self.connected = self._gauge(
            "connected",
            "1 while the topics are followed live, 0 while they are connected to or read from the beginning",
        )
        self.streams = self._gauge("streams", "Event streams that are open")
        self.registry_failing = self._gauge(
            "registry_failing", "1 while the sensors file cannot be used and an older one is in force"
        )

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"bluflow_api_{name}", text, registry=self.registry)
