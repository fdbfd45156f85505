"""The metrics of sensors and gateways, made at the scrape from what is known then."""

from collections.abc import Iterator
from typing import get_args

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.exposition import Rows
from api.live import Live, Standing
from api.times import Clock
from api.views.sensor import number
from schemas.freshness import Freshness
from schemas.reading import Latest
from schemas.registry import Limit

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
        sensors = _Sensors()
        for id in standing.live.sensor_ids():
            sensors.add(standing, id)
        yield from sensors.families()
        yield from _gateways(standing)


class _Sensors:
    """The families of the sensors' metrics, filled sensor by sensor."""

    def __init__(self) -> None:
        self._values = {name: Rows(*text, ["sensor_id"]) for name, text in _VALUES.items()}
        self._last_seen = _gauge("last_seen", "When a live packet of the sensor last arrived, in unix seconds")
        self._freshness = _gauge(
            "freshness", "1 for what the sensor is: fresh, late, stale or lost; 0 for the others", "freshness"
        )
        self._silence = _gauge(
            "silence",
            "1 for a sensor that is late, stale or lost: whose fault it seems, and the gateway that heard it last",
            *("freshness", "cause", "gateway"),
        )
        self._limit = _gauge("limit", "The end of the range in which a quantity is to stay", "quantity", "end")
        self._rssi = _gauge("rssi_dbm", "How loud a gateway heard the sensor lately, in dBm", "gateway")
        self._packet_id = _gauge("packet_id", "Newest packet id, which wraps at 256")
        self._refused = _gauge(
            "refused", "Packets refused for being unencrypted, though the sensor has a bind key; absent if none were"
        )
        self._readings = _gauge("readings", "Readings so far")
        self._expected = _counter("packets_expected_total", "Packets that the sensor sent, by the gaps in their ids")
        self._packets_heard = _counter("packets_heard_total", "Of those expected, packets that any gateway brought")
        self._info = _gauge("info", "Name and location of a sensor", "name", "location")

    def add(self, standing: Standing, id: str) -> None:
        """Everything that is to be said of one sensor."""
        entry, verdict, latest = standing.registry.entry(id), standing.verdict(id), standing.live.sensors.get(id)
        self._info.add_metric([id, entry.name or "", entry.location_at(standing.now)], 1)
        for one in get_args(Freshness):
            self._freshness.add_metric([id, one], one == verdict.freshness)
        if verdict.freshness != "fresh":
            last = standing.prefix_of(latest.gateway) if latest else ""
            self._silence.add_metric([id, verdict.freshness, verdict.cause or "", last], 1)
        self._add_limits(id, entry.limits)
        if latest is not None and latest.refused is not None:
            self._refused.add_metric([id], latest.refused.times)
        if latest is not None and latest.delivered is not None:
            self._expected.add_metric([id], latest.delivered.expected)
            self._packets_heard.add_metric([id], latest.delivered.heard)
        if latest is not None and latest.last_seen is not None:
            self._last_seen.add_metric([id], latest.last_seen / 1000)
            if verdict.freshness in _WITH_VALUES:
                self._add_values(standing, latest)

    def _add_limits(self, id: str, limits: dict[str, Limit]) -> None:
        for quantity, limit in sorted(limits.items()):
            for end, value in limit._asdict().items():
                if value is not None:
                    self._limit.add_metric([id, quantity, end], value)

    def _add_values(self, standing: Standing, latest: Latest) -> None:
        id = latest.sensor
        for name, family in self._values.items():
            found = number(latest.values[name].value) if name in latest.values else None
            if found is not None:
                family.add_metric([id], found)
        self._readings.add_metric([id], latest.readings)
        if latest.packet_id is not None:
            self._packet_id.add_metric([id], latest.packet_id)
        for gateway, rssi in standing.heard_lately(latest):
            self._rssi.add_metric([id, standing.prefix_of(gateway)], rssi)

    def families(self) -> Iterator[Metric]:
        """All of them."""
        yield from self._values.values()
        yield from (self._last_seen, self._freshness, self._silence, self._limit, self._refused)
        yield from (self._rssi, self._packet_id, self._readings, self._expected, self._packets_heard, self._info)


def _gauge(name: str, text: str, *labels: str) -> Rows:
    return Rows(f"shelly_sensor_{name}", text, ["sensor_id", *labels])


def _counter(name: str, text: str) -> Rows:
    return Rows(f"shelly_sensor_{name}", text, ["sensor_id"], "counter")


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
    reboots = GaugeMetricFamily(
        "shelly_gateway_reboots", "Restarts of the gateway that were noticed", labels=["gateway"]
    )
    # by prefix, which tells gateways apart
    for one in standing.live.gateways.all():
        last_frame.add_metric([one.prefix], one.last_frame / 1000)
        silent.add_metric([one.prefix], standing.is_silent(one))
        reboots.add_metric([one.prefix], one.reboots)
        if one.online is not None:
            online.add_metric([one.prefix], one.online)
    yield from (last_frame, online, silent, reboots)
