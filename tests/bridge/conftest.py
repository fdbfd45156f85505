"""The bridge as a process, MQTT brokers of both kinds, brokers of a test's own, and the means to break them."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from cli.child import spawn
from cli.embedded import kafka_command, mqtt_command, mqtt_config, wait_until_accepts
from runtime.kafka import ensure_topics
from runtime.paho_thread import wait_for_end
from runtime.settings import host_port
from schemas.frame import tick_time
from schemas.topics import DEAD_LETTERS, RAW_FRAMES, TOPICS

MOSQUITTO = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def mosquitto_program() -> str:
    """Its path. Where there is none the test is skipped, or fails where we decide what is installed."""
    if MOSQUITTO is None:
        missing = "no mosquitto on this machine; Debian: apt install mosquitto"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return MOSQUITTO


async def until(condition: Callable[[], Any], seconds: float = 15.0) -> Any:
    """Wait for `condition()` to be true and return it; fails the test when it does not become so."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s"
        await asyncio.sleep(0.02)
    return result


class Broker:
    """A broker as a child process, for one test or all: can be killed, started again on its port, and frozen."""

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        self.address = f"127.0.0.1:{port}"
        self._command = command
        self._log = log
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.child = spawn(self._command, stdout=log, stderr=log)
        wait_until_accepts(self.address)

    def kill(self) -> None:
        self.child.kill()
        self.child.wait()

    def freeze(self) -> None:
        self.child.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.child.send_signal(signal.SIGCONT)


def mqtt_broker(kind: str, folder: Path, port: int, *, login: tuple[str, str] | None = None) -> Broker:
    """rumqttd, or Debian's mosquitto; with `login` nobody else gets in."""
    config = folder / "mqtt.toml"  # rumqttd goes by the suffix
    if kind == "rumqttd":
        user, password = login or (None, None)
        config.write_text(mqtt_config("127.0.0.1", port, user=user, password=password))
        return Broker(mqtt_command(config), port, folder / "mqtt.log")
    mosquitto = mosquitto_program()
    access = "allow_anonymous true"
    if login:
        passwords = folder / "passwords"
        passwords.touch(mode=0o600)
        subprocess.run(["mosquitto_passwd", "-b", str(passwords), *login], check=True)
        access = f"allow_anonymous false\npassword_file {passwords}"
    config.write_text(f"listener {port} 127.0.0.1\n{access}\nmax_queued_messages 0\nuser root\n")
    return Broker([mosquitto, "-c", str(config)], port, folder / "mqtt.log")


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real mosquitto, host:port."""
    from tests.conftest import find_free_port

    broker = mqtt_broker("mosquitto", tmp_path_factory.mktemp("mosquitto"), find_free_port())
    yield broker.address
    broker.kill()


@pytest.fixture(params=["rumqttd", "mosquitto"])
def any_mqtt(request: pytest.FixtureRequest) -> str:
    """Each of the two MQTT brokers in turn, host:port."""
    return str(request.getfixturevalue("mqtt" if request.param == "rumqttd" else "mosquitto"))


@pytest.fixture
def own_mqtt(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Callable[..., Broker]]:
    """Starts MQTT brokers that this test may break: `own_mqtt(kind, login=None)`."""
    brokers: list[Broker] = []

    def start(kind: str, **options: Any) -> Broker:
        brokers.append(mqtt_broker(kind, tmp_path, free_port(), **options))
        return brokers[-1]

    yield start
    for broker in brokers:
        broker.kill()


@pytest.fixture
async def own_kafka(tmp_path: Path, free_port: Callable[[], int], topic_prefix: str) -> AsyncIterator[Broker]:
    """A Kafka broker that this test may break, with the topics on it."""
    port = free_port()
    broker = Broker(kafka_command(port, tmp_path), port, tmp_path / "kafka.log")
    await ensure_topics(broker.address, TOPICS, topic_prefix, embedded=True)
    yield broker
    broker.kill()


class BridgeProcess:
    """`python -m bridge` with settings from the environment."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.environment = environment
        self.log = folder / "bridge.log"
        self.page = f"http://127.0.0.1:{environment['BRIDGE_PORT']}"
        self.start()

    def start(self) -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("BRIDGE_", "BLUFLOW_")) and k != "MQTT"}
        with self.log.open("ab") as log:
            self.child = spawn(
                [sys.executable, "-m", "bridge"], env={**clean, **self.environment}, stdout=log, stderr=log
            )

    def get(self, path: str) -> tuple[int, str]:
        """(status, body) of the health page; (0, "") while it does not answer."""
        try:
            with urllib.request.urlopen(self.page + path, timeout=2) as answer:  # noqa: S310 - our own page
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def cause(self) -> str:
        """What the readiness page gives as its cause; empty if it is ready or does not answer."""
        status, body = self.get("/health/ready")
        return str(json.loads(body)["cause"]) if status == 503 else ""

    def metric(self, name: str) -> float:
        """A metric's value (with its labels as they stand on the page), 0.0 if it is not there."""
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith(name + " "):
                return float(line.split()[-1])
        return 0.0

    async def ready(self) -> "BridgeProcess":
        await until(lambda: self.get("/health/ready")[0] == 200)
        return self

    def kill(self) -> None:
        self.child.kill()
        self.child.wait()

    async def stop(self, seconds: float = 15.0) -> int:
        """SIGTERM; the exit code."""
        self.child.terminate()
        await until(lambda: self.child.poll() is not None, seconds)
        return int(self.child.returncode)


@pytest.fixture
def bridge(tmp_path: Path, topic_prefix: str, free_port: Callable[[], int]) -> Iterator[Callable[..., BridgeProcess]]:
    """Starts bridges: `bridge(kafka, mqtt, **BRIDGE_settings)`. Each test has its own client id."""
    started: list[BridgeProcess] = []

    def start(kafka: str, mqtt: str, **settings: str) -> BridgeProcess:
        environment = {
            "BROKER": kafka,
            "MQTT": mqtt,
            "BLUFLOW_TOPIC_PREFIX": topic_prefix,
            "BRIDGE_CLIENT_ID": topic_prefix.rstrip("."),
            "BRIDGE_PORT": str(free_port()),
            **{f"BRIDGE_{name.upper()}": value for name, value in settings.items()},
        }
        started.append(BridgeProcess(tmp_path, environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()


class Gateway:
    """An MQTT client with a thread of its own, as a gateway has: publishes, counts its acks, can listen."""

    def __init__(self, mqtt: str) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.max_inflight_messages_set(200)
        self._client.max_queued_messages_set(0)
        self.heard: list[MQTTMessage] = []
        self._client.on_message = lambda _client, _data, message: self.heard.append(message)
        host, port = host_port(mqtt)
        self._client.connect(host, port)
        self._client.loop_start()

    def send(self, topic: str, *payloads: bytes, retain: bool = False, qos: int = 1) -> None:
        """Publish and wait until the MQTT broker acked."""
        tokens = [self._client.publish(topic, payload, qos, retain) for payload in payloads]
        for token in tokens:
            token.wait_for_publish(10)
            assert token.is_published()

    def send_unacked(self, topic: str, payload: bytes) -> Any:
        return self._client.publish(topic, payload, 1)

    def listen(self, topic: str) -> None:
        self._client.subscribe(topic, 1)

    def close(self) -> None:
        self._client.disconnect()
        wait_for_end(self._client)


@pytest.fixture
def gateway() -> Iterator[Callable[[str], Gateway]]:
    """Connects gateways: `gateway(mqtt)`."""
    connected: list[Gateway] = []

    def connect(mqtt: str) -> Gateway:
        connected.append(Gateway(mqtt))
        return connected[-1]

    yield connect
    for client in connected:
        client.close()


class Log:
    """What Kafka holds of one topic: frames or dead letters in `records`, ticks in `ticks`, in order of partition."""

    def __init__(self) -> None:
        self.records: list[ConsumerRecord[bytes, bytes]] = []
        self.ticks: list[ConsumerRecord[bytes, bytes]] = []

    def values(self) -> list[bytes]:
        return [record.value for record in self.records]


async def read(kafka: str, topic: str, *, count: int = 0, ticks: int = 0, seconds: float = 20.0) -> Log:
    """Read a topic from its start until it has given `count` records and `ticks` ticks, and then to its end."""
    found = Log()
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        await consumer._client._wait_on_metadata(topic)
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        deadline = time.monotonic() + seconds
        while True:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                for record in records:
                    (found.ticks if tick_time(record.headers) is not None else found.records).append(record)
            if len(found.records) >= count and len(found.ticks) >= ticks:
                ends = await consumer.end_offsets(partitions)
                if all([await consumer.position(partition) >= ends[partition] for partition in partitions]):
                    return found
            assert time.monotonic() < deadline, f"{len(found.records)} records, {len(found.ticks)} ticks in {topic}"
    finally:
        await consumer.stop()


async def raw_frames(kafka: str, prefix: str, count: int = 0, *, ticks: int = 0, seconds: float = 20.0) -> Log:
    return await read(kafka, RAW_FRAMES.full_name(prefix), count=count, ticks=ticks, seconds=seconds)


async def dead_letters(kafka: str, prefix: str, count: int) -> Log:
    return await read(kafka, DEAD_LETTERS.full_name(prefix), count=count)
