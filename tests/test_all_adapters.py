"""Every recorded frame through the whole pipeline: what REST, history and metrics say is what the frame said.

For both stores: real MQTT, Kafka, SQLite, InfluxDB. The test is the gateways; it answers the inventory too.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.dead_letter import dead_letter_facts
from schemas.topics import DEAD_LETTERS
from tests.adapters import DEAD, ENCRYPTED, KEY, NEWS, OURS, Gateways, Row, publish_all
from tests.influxdb import Influx, influx
from tests.moved import FRAMES, gateway_of, place_of, sensor_of, untouched
from tests.polling import until
from tests.stack import Stack, running_stack

__all__ = ["influx"]

_NUMBERS = {
    "temperature": "shelly_temperature_celsius",
    "humidity": "shelly_humidity_percent",
    "battery": "shelly_battery_level",
}


class Story(NamedTuple):
    """What runs, what was published, and when (unix milliseconds)."""

    stack: Stack
    rows: dict[str, list[Row]]
    begun: int


@pytest.fixture(scope="module")
def stories(influx: Influx, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Story]]:
    """By store. Both at once: half a minute of the stream's clock passes for the two together."""
    stores = {
        "sqlite": {},
        "influxdb": {
            "INFLUXDB_URL": influx.url,
            "INFLUXDB_TOKEN_FILE": str(influx.token_file),
            "INFLUXDB_BUCKET": influx.make_buckets(),
        },
    }
    with ExitStack() as running:
        yield {
            store: running.enter_context(telling(tmp_path_factory.mktemp(store), HISTORY=store, **env))
            for store, env in stores.items()
        }


@pytest.fixture(params=["sqlite", "influxdb"])
def story(request: pytest.FixtureRequest, stories: dict[str, Story]) -> Story:
    return stories[request.param]


@contextmanager
def telling(folder: Path, **history: str) -> Iterator[Story]:
    """A stack that has heard every frame."""
    named = {sensor_of(place, number): name_of(place, number) for place in range(len(FRAMES)) for number in range(2)}
    registry = {sensor: {"name": name, "location": f"Room of {name}"} for sensor, name in named.items()}
    (folder / "sensors.yaml").write_text(yaml.safe_dump({"sensors": registry}))
    (folder / "keys.yaml").write_text(f'"{ENCRYPTED}": "{KEY}"\n')
    (folder / "keys.yaml").chmod(0o600)
    files = {"BLUFLOW_SENSORS_FILE": str(folder / "sensors.yaml"), "STREAMS_KEYS_FILE": str(folder / "keys.yaml")}
    with running_stack(folder / "data", SIMULATE="0", BRIDGE_TICK_SECONDS="1", **files, **history) as stack:
        gateways = Gateways(stack.mqtt)
        begun = int(time.time() * 1000)
        try:
            rows: dict[str, list[Row]] = defaultdict(list)
            for row in publish_all(gateways, int(time.time()) - 1):
                rows[row.sensor].append(row)
            until(lambda: all(len(data(stack, sensor)) >= len(rows[sensor]) for sensor in rows), 20, "every reading")
            until(lambda: all(is_level(stack, sensor) for sensor in rows), 20, "every sensor as its newest reading")
            yield Story(stack, rows, begun)
        finally:
            gateways.close()


def name_of(place: int, number: int) -> str:
    return f"{list(FRAMES)[place]} {number}"


def answer(stack: Stack, path: str) -> Any:
    response = stack.get(path)
    assert response is not None
    assert response.status_code == 200, response.text
    return response.json()


def sensors(stack: Stack) -> list[dict[str, Any]]:
    return list(answer(stack, "/api/v1/sensors?limit=500")["sensors"])


def data(stack: Stack, sensor: str, step: str = "raw") -> list[dict[str, Any]]:
    response = stack.get(f"/api/v1/data/{sensor}?step={step}")
    return list(response.json()["data"]) if response is not None and response.status_code == 200 else []


def is_level(stack: Stack, sensor: str) -> bool:
    """Whether the API's state of a sensor has come as far as the history."""
    response = stack.get(f"/api/v1/sensors/{sensor}")
    shown = response.json().get("measured_at") if response is not None else None
    return bool(shown == data(stack, sensor)[-1]["measured_at"])


def milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def assert_time(row: Row, said: dict[str, Any], begun: int) -> None:
    measured_at = milliseconds(said["measured_at"])
    if row.measured_at is not None:
        assert (measured_at, said["time_source"]) == (row.measured_at, "gateway")
    else:
        assert said["time_source"] == "arrival"
        assert begun <= measured_at <= time.time() * 1000


def test_every_sensor_says_what_its_frame_said(story: Story) -> None:
    assert {sensor["id"] for sensor in sensors(story.stack) if sensor["measured_at"]} == set(story.rows)
    for id, rows in story.rows.items():
        said, last = answer(story.stack, f"/api/v1/sensors/{id}"), rows[-1]
        values = {name: value for row in rows for name, value in row.values.items()}
        assert {name: value["value"] for name, value in said["values"].items()} == values
        assert (said["gateway"], said["rssi"], said["packet_id"]) == (last.gateway, last.rssi, last.packet_id), id
        assert_time(last, said, story.begun)
        assert [reception["gateway"] for reception in said["receptions"]] == [last.gateway]
        place, number = int(id[-5:-3], 16), int(id[-2:], 16)
        known = id != ENCRYPTED and place != OURS
        name = name_of(place, number) if known else None
        assert (said["name"], said["location"]) == (name, f"Room of {name}" if known else "unassigned")


def test_every_frame_is_in_the_history_once(story: Story) -> None:
    for id, rows in story.rows.items():
        found = data(story.stack, id)
        assert len(found) == len(rows), found
        for row, said in zip(rows, found, strict=True):
            assert said["values"] == row.values
            told = said["gateway"], said["rssi"], said["packet_id"], said["flags"]
            assert told == (row.gateway, row.rssi, row.packet_id, row.flags)
            assert_time(row, said, story.begun)


def test_metrics_say_the_same(story: Story) -> None:
    response = story.stack.get("/metrics")
    assert response is not None
    found = {
        tuple(line.split("{", 1)): float(value)
        for line, _, value in (each.rpartition(" ") for each in response.text.splitlines())
        if line.startswith(tuple(_NUMBERS.values()))
    }
    wanted = {
        (_NUMBERS[name], f'sensor_id="{id}"}}'): value[0] if isinstance(value, list) else value
        for id, rows in story.rows.items()
        for row in rows
        for name, value in row.values.items()
        if name in _NUMBERS
    }
    assert found == wanted


def test_every_number_is_in_its_window(story: Story) -> None:
    """Windows come by the stream's clock: what a sensor said before it fell silent is published some 80 s later."""

    def wanted(id: str) -> dict[int, dict[str, int]]:
        counts: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for row in data(story.stack, id):
            for name, value in row["values"].items():
                for index, _ in enumerate(value if isinstance(value, list) else [value]):
                    window = milliseconds(row["measured_at"]) // 300_000 * 300_000
                    counts[window][f"{name}[{index}]" if index else name] += 1
        return counts

    def counted(id: str) -> dict[int, dict[str, int]]:
        return {
            milliseconds(window["start"]): {name: said["count"] for name, said in window["quantities"].items()}
            for window in data(story.stack, id, "5m")
        }

    for id, rows in story.rows.items():
        until(lambda: counted(id) == wanted(id), 120, f"windows of {id}: {counted(id)} {wanted(id)}")  # noqa: B023
        values = {name: value for row in rows for name, value in row.values.items()}  # none of them changed
        for window in data(story.stack, id, "5m"):
            for name, said in window["quantities"].items():
                quantity, _, index = name.removesuffix("]").partition("[")
                value = values[quantity][int(index or 0)] if isinstance(values[quantity], list) else values[quantity]
                assert {said[one] for one in ("min", "max", "mean", "first", "last")} == {value}


def test_what_cannot_be_read_is_kept_as_it_came(story: Story) -> None:
    async def letters() -> list[tuple[bytes, str]]:
        topic = TopicPartition(DEAD_LETTERS.full_name("shelly."), 0)
        consumer = AIOKafkaConsumer(bootstrap_servers=story.stack.kafka, auto_offset_reset="earliest")
        async with consumer:
            consumer.assign([topic])
            end = (await consumer.end_offsets([topic]))[topic]
            found = [await consumer.getone() for _ in range(end)]
        return [(record.value, dead_letter_facts(record.headers)["reason"]) for record in found]

    until(lambda: len(asyncio.run(letters())) >= len(DEAD), 20, "the dead letters")
    assert sorted(asyncio.run(letters())) == sorted((untouched(name), reason) for name, reason in DEAD.items())


def test_news_of_gateways_are_told(story: Story) -> None:
    def known() -> set[str]:
        return {gateway["prefix"] for gateway in answer(story.stack, "/api/v1/gateways?limit=500")["gateways"]}

    until(lambda: {gateway_of(place_of(name)) for name in NEWS} <= known(), 20, "the gateways")
    said = {name: answer(story.stack, f"/api/v1/gateways/{gateway_of(place_of(name))}") for name in NEWS}
    assert said["native_status_device_key_bad"]["alarms"] == {"bthomedevice:200": "key_missing_or_bad"}
    assert said["script_error_status"]["stopped_scripts"] == {"script:1": "out_of_memory"}
    assert (said["online_true"]["online"], said["online_false_lwt"]["online"]) == (True, False)
