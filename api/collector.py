"""The metrics of sensors and gateways, made at the scrape from what is known then."""

from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.exposition import Written
from api.live import Live, Standing
from api.sensor_lines import FAMILIES, About, lines_of
from api.times import Clock


class _Said(NamedTuple):
    """The lines of one sensor, by family, and what they were made from."""

    about: About
    lines: dict[str, str]


class LiveCollector(Collector):
    """Built at scrape time: the values of a sensor that is stale or lost vanish, its last-seen stays.

    A sensor speaks once a minute and is asked for more often: its lines are held until something about it is new.
    """

    def __init__(self, live: Live, now: Clock) -> None:
        self._live, self._now = live, now
        self._said: dict[str, _Said] = {}

    def collect(self) -> Iterator[Metric]:
        standing = self._live.at(self._now())
        self._said = said = {id: self._say(standing, id) for id in standing.live.sensor_ids()}
        for name, family in FAMILIES.items():
            yield Written(family, [each.lines[name] for each in said.values() if name in each.lines])
        yield from _gateways(standing)

    def _say(self, standing: Standing, id: str) -> _Said:
        about, said = About.of(standing, id), self._said.get(id)
        return said if said is not None and said.about == about else _Said(about, lines_of(about))


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
