"""`HISTORY=influxdb` from the gateway to the query that Grafana sends, and through what operators get wrong."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import paho.mqtt.publish as mqtt_publish
import pytest

from history.influx import SUFFIXES
from tests.influxdb import Influx, running
from tests.polling import until
from tests.stack import Stack, running_stack

GATEWAY = "shellypro2-a8032abe54dc"
FRIDGE, OVEN, WANDERER, LATECOMER = (f"7c:c6:b6:00:00:{number:02x}" for number in range(1, 5))
MINUTE, WINDOW = 60, 300  # seconds


class House(NamedTuple):
    """A running stack, its server and bucket; `window` is the start of a window some minutes ago, unix seconds."""

    stack: Stack
    influx: Influx
    bucket: str
    window: int


@pytest.fixture(scope="module")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    """A server of our own: its token changes."""
    with running(tmp_path_factory.mktemp("influxdb")) as started:
        yield started


@pytest.fixture(scope="module")
def house(influx: Influx, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder, bucket = tmp_path_factory.mktemp("influx-house"), influx.make_buckets()
    token = folder / "token"
    token.write_text(influx.token_file.read_text())
    token.chmod(0o600)
    window = int(time.time()) // WINDOW * WINDOW - WINDOW
    (folder / "sensors.yaml").write_text(
        f"""
sensors:
  {FRIDGE}: {{location: Kitchen}}
  {OVEN}: {{location: Kitchen}}
  {WANDERER}: {{location: [{{from: 2020-01-01, location: Cellar}}, {{from: {rfc3339(window)}, location: Attic}}]}}
"""
    )
    env = {
        "SIMULATE": "0",
        "HISTORY": "influxdb",
        "INFLUXDB_URL": influx.url,
        "INFLUXDB_BUCKET": bucket,
        "INFLUXDB_TOKEN_FILE": str(token),
        "BLUFLOW_SENSORS_FILE": str(folder / "sensors.yaml"),
    }
    with running_stack(folder / "data", **env) as stack:
        yield House(stack, influx, bucket, window)


def rfc3339(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def publish(house: House, sensor: str, ts: int, temperature: float, *, packet_id: int) -> None:
    """One packet of a sensor as a script sends it, measured at `ts` (unix seconds)."""
    data = {
        "encryption": False,
        "BTHome_version": 2,
        "pid": packet_id,
        "battery": 100,
        "humidity": 63,
        "temperature": temperature,
        "rssi": -66,
        "address": sensor,
    }
    event = {"component": "script:1", "id": 1, "event": "shelly-blu", "data": data, "ts": ts}
    frame = {"src": GATEWAY, "dst": f"{GATEWAY}/events", "method": "NotifyEvent"}
    payload = json.dumps(frame | {"params": {"ts": ts, "events": [event]}})
    host, port = house.stack.mqtt.split(":")
    mqtt_publish.single(f"{GATEWAY}/events/rpc", payload, qos=1, hostname=host, port=int(port), client_id="")


def data(house: House, sensor: str) -> httpx.Response:
    response = house.stack.get(f"/api/v1/data/{sensor}")
    assert response is not None
    return response


def stored(house: House, sensor: str) -> list[Any]:
    """The sensor's temperatures on the API; none while it cannot tell."""
    response = data(house, sensor)
    return [row["values"]["temperature"] for row in response.json()["data"]] if response.status_code == 200 else []


def token_of(house: House) -> Path:
    return house.stack.data.parent / "token"


def readiness(house: House) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{house.stack.ports['SINKS_PORT']}/health/ready", timeout=10)


def test_grafana_finds_the_schema_and_its_means_by_place(house: House) -> None:
    before, after = house.window - 3 * MINUTE, house.window + MINUTE
    said = {
        FRIDGE: [(before, 20.0), (after, 4.5)],
        OVEN: [(before, 22.0)],
        WANDERER: [(before, 11.5), (after, 17.25)],
    }
    for sensor, values in said.items():
        for number, (ts, temperature) in enumerate(values):
            publish(house, sensor, ts, temperature, packet_id=number)
    until(lambda: all(len(stored(house, sensor)) == len(said[sensor]) for sensor in said), 20, "every reading")

    def ask(text: str) -> dict[str, list[list[Any]]]:
        return {series.name: series.values for series in house.influx.query(text, house.bucket)}

    tags = ask("SHOW TAG KEYS")
    fields = ask("SHOW FIELD KEYS")
    for quantity in ("temperature", "humidity"):
        assert tags[quantity] == [["location"], ["sensor_id"]]
        assert fields[quantity] == [["battery_level", "float"], ["value", "float"]]
    assert ask('SHOW TAG VALUES FROM temperature WITH KEY = "location"')["temperature"] == [
        ["location", place] for place in ("Attic", "Cellar", "Kitchen")
    ]
    asked = f"time >= {house.window - WINDOW}s AND time < {house.window + WINDOW}s"
    panel = f"SELECT mean(value) FROM temperature WHERE {asked} GROUP BY time(5m), location fill(none)"  # noqa: S608
    found = {series.tags["location"]: series.values for series in house.influx.query(panel, house.bucket)}
    first, second = (house.window - WINDOW) * 1000, house.window * 1000
    assert found == {
        "Attic": [[second, 17.25]],
        "Cellar": [[first, 11.5]],
        "Kitchen": [[first, 21], [second, 4.5]],
    }


def wrong_token(house: House) -> Callable[[], object]:
    """The server wants another one from now on."""
    house.influx.token_file.write_text("an0ther\n")
    return lambda: token_of(house).write_text("an0ther\n")


def missing_buckets(house: House) -> Callable[[], object]:
    def each(command: str) -> None:
        for suffix in ("", *SUFFIXES.values()):
            house.influx.query(f'{command} DATABASE "{house.bucket}{suffix}"')

    each("DROP")
    return lambda: each("CREATE")


@pytest.mark.parametrize(
    ("spoil", "says", "temperature"),
    [
        (wrong_token, "check the token in {token}", 8.5),
        (missing_buckets, "has no bucket {bucket} in organisation bluflow", 9.5),
    ],
)
def test_what_an_operator_got_wrong_is_named_and_once_mended_nothing_is_missing(
    house: House, spoil: Callable[[House], Callable[[], object]], says: str, temperature: float
) -> None:
    mend = spoil(house)
    try:
        known = says.format(token=token_of(house), bucket=house.bucket)
        publish(house, LATECOMER, int(time.time()) - 1, temperature, packet_id=int(temperature))
        until(lambda: readiness(house).status_code == 503, 20, "the sinks' word")
        assert known in readiness(house).text
        until(lambda: known in data(house, LATECOMER).text, 20, "the API's word")
        refused = data(house, LATECOMER)
        assert (refused.status_code, refused.headers["Content-Type"]) == (503, "application/problem+json")
        live = house.stack.get(f"/api/v1/sensors/{LATECOMER}")
        assert live is not None
        assert live.json()["values"]["temperature"]["value"] == temperature
    finally:
        mend()
    until(lambda: temperature in stored(house, LATECOMER), 45, "what waited")
    until(lambda: readiness(house).status_code == 200, 45, f"ready again: {readiness(house).text}")
    logs = "".join(log.read_text() for log in (house.stack.data / "logs").iterdir())
    assert known in logs
    assert not [secret for secret in ("t0ken", "an0ther") if secret in logs]
