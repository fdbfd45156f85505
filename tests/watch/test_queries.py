"""Every query of the dashboards is answered by the real Prometheus and InfluxDB that the running pipeline fills."""

import math
import re
import time
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from history.influx import bucket_of
from schemas.aggregate import HOUR, Aggregate
from tests.polling import until
from tests.watch.dashboards import Query, choices, queries
from tests.watch.house import SENSORS, House

ALL = list(queries())
# what Grafana puts in the place of its variables
_PROMETHEUS = {"$__rate_interval": "1m", "$location": ".*", "$sensor": ".*", "$gateway": ".*", "$job": ".*"}
_INFLUX = {"$timeFilter": "time > now() - 3h", "${location:regex}": ".*", "${sensor:regex}": ".*"}


def filled(text: str, variables: dict[str, str]) -> str:
    for name, value in variables.items():
        text = text.replace(name, value)
    assert not re.search(r"\$[\w{]", text), text
    return text


def of(source: str) -> pytest.MarkDecorator:
    found = [query for query in ALL if query.source == source]
    assert found
    return pytest.mark.parametrize("query", found, ids=[query.where for query in found])


@pytest.fixture(scope="module")
def lively(house: House) -> House:
    """Something of everything: a dead letter, a gateway that restarted, an alert."""
    house.publish("events/rpc", b"{no json")
    house.beat(up=9000)
    heard = 'shelly_gateway_reboots{gateway="shellypro2-0cb815fcaff4"}'
    until(lambda: house.prometheus.query(heard), 30, "a gateway")
    house.beat(up=1)
    for wanted in (f"{heard} == 1", 'ALERTS{alertstate="firing"}', "sensor:dew_point_celsius"):
        until(lambda wanted=wanted: house.prometheus.query(wanted), 60, wanted)  # type: ignore[misc]
    return house


@of("${metrics}")
def test_prometheus_answers(lively: House, query: Query) -> None:
    text = filled(query.text, _PROMETHEUS)
    # there is no Redpanda here, and packets are counted later than a test lasts: that it parses is all that is seen
    if "redpanda_" in text or "sensor:packets_lost" in text:
        assert lively.prometheus.query(text) == []
        return
    until(lambda: any(_numbers(lively, text, instant=query.instant)), 60, f"an answer to {text}")


@pytest.mark.parametrize(("series", "label"), [one[1:] for one in choices()], ids=[one[0] for one in choices()])
def test_there_is_something_to_choose_in_each_variable(lively: House, series: str, label: str) -> None:
    """As the data source asks for `label_values`."""
    asked = {"match[]": filled(series, _PROMETHEUS)}
    assert lively.prometheus.get(f"label/{label}/values", **asked)


def _numbers(house: House, text: str, *, instant: bool) -> Sequence[bool]:
    now = time.time()
    if instant:
        found = [one["value"] for one in house.prometheus.query(text)]
    else:
        span = {"start": f"{now - 300}", "end": f"{now}", "step": "5"}
        result = house.prometheus.get("query_range", query=text, **span)["result"]
        found = [value for one in result for value in one["values"]]
    return [math.isfinite(float(value)) for _, value in found]


@of("${readings}")
def test_influxdb_answers_from_the_readings(house: House, query: Query) -> None:
    text = filled(query.text, {**_INFLUX, "$__interval": "1m"})
    until(lambda: _rows(house, house.bucket, text), 60, f"an answer to {text}")
    series = _rows(house, house.bucket, text)
    assert {one["tags"]["sensor_id"] for one in series} == set(SENSORS)
    assert {one["tags"]["location"] for one in series} == {"Kitchen", "Cellar", "unassigned"}
    # a window without a reading is a gap, not a line
    assert None in [value for one in series for _, value in one["values"]]


@of("${hours}")
async def test_influxdb_answers_from_the_hours(house: House, query: Query) -> None:
    """An hour is written when its windows are final, later than a test lasts: here by the sink's own writer."""
    start = int(time.time()) // HOUR * HOUR * 1000
    facts = {"count": 60, "min": 20.5, "max": 22.5, "mean": 21.5, "first": 21.0, "last": 22.0, "revision": 1}
    times = {"first_at": start, "last_at": start + 1000, "width": HOUR, "start": start, "index": 0, "final": True}
    hours = [Aggregate(sensor=SENSORS[0], quantity=name, **facts, **times) for name in ("temperature", "humidity")]  # type: ignore[arg-type]
    history = house.influx.history(house.bucket)
    await history.write_aggregates(hours)
    await history.close()
    text = filled(query.text, {**_INFLUX, "$__interval": "1h"})
    [series] = _rows(house, bucket_of(house.bucket, HOUR), text)
    assert series["columns"] == ["time", "min", "mean", "max"]
    assert [start, 20.5, 21.5, 22.5] in series["values"]


def _rows(house: House, database: str, text: str) -> list[dict[str, Any]]:
    """As the data source asks: InfluxQL over POST, with the token's header."""
    token = house.influx.token_file.read_text().strip()
    answer = httpx.post(
        f"{house.influx.url}/query",
        params={"db": database, "q": text, "epoch": "ms"},
        headers={"Authorization": f"Token {token}"},
        timeout=20,
    )
    assert answer.status_code == 200, answer.text
    [result] = answer.json()["results"]
    assert "error" not in result, (text, result)
    series = result.get("series", [])
    assert isinstance(series, list)
    return series
