"""The process against a real Mosquitto and Kafka, and what a Home Assistant shows that goes by its documentation."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from cli.child import spawn
from schemas.codec import encode
from schemas.home_assistant import STATE, availability_topic
from schemas.reading import Latest
from schemas.registry import Entry
from schemas.topics import LATEST, SENSORS
from tests.api.fakes import OTHER, SENSOR, latest
from tests.api.homeassistant.assistant import UNAVAILABLE, UNKNOWN, Assistant
from tests.bridge.conftest import Broker, own_mqtt
from tests.cli.processes import ROOT, environment
from tests.polling import until_async

__all__ = ["own_mqtt"]

TEMPERATURE, OTHERS = "bluflow_7cc6b6bd4cb5_temperature", f"bluflow_{OTHER.replace(':', '')}_temperature"
INTERVAL = 1  # second: stale after five


class Publisher:
    """The process for Home Assistant, on topics of its own, and what it follows."""

    def __init__(self, kafka: str, topics: str, mqtt: Broker, folder: Path, port: int) -> None:
        self.kafka, self.topic, self.mqtt, self.folder, self.port = kafka, LATEST.full_name(topics), mqtt, folder, port
        (folder / "sensors.yaml").write_text(f"sensors:\n  {SENSOR}: {{name: Fridge, expected_interval: {INTERVAL}}}\n")
        self._env = environment(
            PYTHONPATH=str(ROOT),
            BROKER=kafka,
            BLUFLOW_TOPIC_PREFIX=topics,
            BLUFLOW_SENSORS_FILE=str(folder / "sensors.yaml"),
            MQTT=mqtt.address,
            HOMEASSISTANT_PORT=str(port),
        )
        self.child: subprocess.Popen[bytes] | None = None

    async def start(self, **env: str) -> None:
        with (self.folder / "log").open("ab") as log:
            command = [sys.executable, "-P", "-m", "api.homeassistant"]
            self.child = spawn(command, env=self._env | env, stdout=log, stderr=log)
        await until_async(self._is_ready, 30, f"the health page: {self.folder / 'log'}")

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self, signal: int) -> int:
        assert self.child
        self.child.send_signal(signal)
        return self.child.wait(15)

    async def hear(self, sensor: str = SENSOR, *, ago: float = 0, **changes: object) -> None:
        """The stream's newest of a sensor that was last heard so many seconds ago."""
        now = time.time_ns() // 1_000_000
        await self.write(latest(sensor, now, seen=now - round(ago * 1000), **changes), sensor)

    async def write(self, state: Latest | None, sensor: str = SENSOR) -> None:
        value = None if state is None else encode(state)
        async with AIOKafkaProducer(bootstrap_servers=self.kafka, acks="all") as producer:
            await producer.send_and_wait(self.topic, value, sensor.encode())


@pytest.fixture
def publisher(
    kafka: str, topics: str, own_mqtt: Callable[..., Broker], tmp_path: Path, free_port: Callable[[], int]
) -> Iterator[Publisher]:
    made = Publisher(kafka, topics, own_mqtt("mosquitto"), tmp_path, free_port())
    yield made
    if made.child:
        made.child.kill()
        made.child.wait()


@pytest.fixture
def assistant(publisher: Publisher) -> Iterator[Callable[[], Assistant]]:
    """Begins lives of Home Assistant."""
    lives: list[Assistant] = []

    def begin() -> Assistant:
        lives.append(Assistant(publisher.mqtt.address))
        return lives[-1]

    yield begin
    for each in lives:
        each.end()


async def shows(assistant: Assistant, value: object, entity: str = TEMPERATURE, seconds: float = 20) -> None:
    await until_async(lambda: assistant.shown().get(entity, "no such entity") == value, seconds, f"{entity} = {value}")


async def test_a_sensor_is_there_with_its_values_and_falls_silent(
    publisher: Publisher, assistant: Callable[[], Assistant]
) -> None:
    await publisher.hear(OTHER)
    await publisher.start()
    home = assistant()

    async def speak() -> None:
        while True:
            await publisher.hear(values={"temperature": 4.5})
            await asyncio.sleep(INTERVAL)

    speaking = asyncio.create_task(speak())
    await shows(home, 4.5)
    entities = {name: f"bluflow_7cc6b6bd4cb5_{name}" for name in ("temperature", "humidity", "battery", "rssi")}
    assert {name: home.shown()[id] for name, id in entities.items()} == {
        "temperature": 4.5, "humidity": 63, "battery": 100, "rssi": -66,
    }  # fmt: skip
    assert [device.device.name for device in home.devices.values()].count("Fridge") == 1
    speaking.cancel()  # by the sensor's own interval it is stale soon
    await shows(home, UNAVAILABLE)
    assert {home.shown()[id] for id in entities.values()} == {UNAVAILABLE}
    await shows(home, 22.3, OTHERS)


async def test_a_name_that_is_given_while_it_runs_is_the_device_s(
    publisher: Publisher, assistant: Callable[[], Assistant], topics: str
) -> None:
    """By `bluflow sensors name` or the API: both write the registry's topic, whose entry counts, not the file's."""
    await publisher.hear()
    await publisher.start()
    home = assistant()

    def names() -> list[str | None]:
        return [device.device.name for device in home.devices.values()]

    await until_async(lambda: names() == ["Fridge"], 20, "the file's name")
    async with AIOKafkaProducer(bootstrap_servers=publisher.kafka, acks="all") as producer:
        named = encode(Entry(SENSOR, name="Freezer", revision=1))
        await producer.send_and_wait(SENSORS.full_name(topics), named, SENSOR.encode())
    await until_async(lambda: names() == ["Freezer"], 20, "the topic's name")


async def test_a_home_assistant_that_begins_anew_sees_the_dead_as_dead_and_the_living_once_it_is_born(
    publisher: Publisher, assistant: Callable[[], Assistant]
) -> None:
    await publisher.hear(ago=60)
    await publisher.hear(OTHER)
    await publisher.start()
    await shows(assistant(), 22.3, OTHERS)
    again = assistant()
    await shows(again, UNKNOWN, OTHERS)  # by what was retained alone: no value is
    await shows(again, UNAVAILABLE)
    told = again.configured
    again.be_born()
    await shows(again, 22.3, OTHERS)
    assert again.configured == told + 2
    assert again.shown()[TEMPERATURE] == UNAVAILABLE


@pytest.mark.parametrize(("signal", "code"), [(9, -9), (15, 0)])
async def test_while_nobody_tells_nothing_is_believed(
    publisher: Publisher, assistant: Callable[[], Assistant], signal: int, code: int
) -> None:
    await publisher.hear(OTHER)
    await publisher.start()
    home = assistant()
    await shows(home, 22.3, OTHERS)
    assert publisher.stop(signal) == code
    await shows(home, UNAVAILABLE, OTHERS)
    # what the broker kept says that the sensor is online: it is told better before we say that we are there
    home.available.clear()
    await publisher.hear(OTHER, ago=3600)
    await publisher.start()
    await until_async(lambda: (STATE, "online") in home.available, 20, "we are there")
    assert home.available == [(availability_topic(OTHER), "offline"), (STATE, "online")]
    assert home.shown()[OTHERS] == UNAVAILABLE


async def test_a_sensor_that_is_forgotten_is_no_device_any_more(
    publisher: Publisher, assistant: Callable[[], Assistant]
) -> None:
    await publisher.hear()
    await publisher.start()
    home = assistant()
    await until_async(lambda: len(home.devices) == 1, 20, "the device")
    publisher.stop(9)
    await publisher.write(None)
    await publisher.start()
    await until_async(lambda: home.devices == {}, 20, "no device")
    assert assistant().devices == {}, "and nothing of it is retained"


async def test_after_the_mqtt_broker_was_away_all_of_it_is_there_again(
    publisher: Publisher, assistant: Callable[[], Assistant]
) -> None:
    await publisher.hear(OTHER)
    await publisher.start()
    publisher.mqtt.kill()  # what it had retained is gone with it
    publisher.mqtt.start()
    home = assistant()
    await shows(home, 22.3, OTHERS, 60)


def test_a_broker_that_refuses_us_is_named_without_the_password(
    publisher: Publisher, free_port: Callable[[], int]
) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "api.homeassistant"],
        env={**os.environ, "HOMEASSISTANT_PREFIX": "a/#", "HOMEASSISTANT_PASSWORD": "hunter2", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "HOMEASSISTANT_PREFIX" in done.stderr
    assert "hunter2" not in done.stderr
