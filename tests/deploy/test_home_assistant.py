"""Home Assistant at the stack's own mosquitto: over TLS, each side with its password and the rights of its user."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from paho.mqtt.client import Client

from cli.child import spawn
from schemas.codec import encode
from schemas.home_assistant import STATE, availability_topic, config_topic, state_topic
from schemas.topics import LATEST
from tests.api.fakes import SENSOR, latest
from tests.api.homeassistant.assistant import UNAVAILABLE, Assistant
from tests.cli.processes import ROOT, environment
from tests.conftest import find_free_port
from tests.deploy.conftest import Connection, Hardened
from tests.polling import until_async

Connect = Callable[..., Connection]
CONFIG = config_topic("homeassistant", SENSOR)
TEMPERATURE = "bluflow_7cc6b6bd4cb5_temperature"


@pytest.fixture
def assistant(hardened: Hardened) -> Iterator[Assistant]:
    """Logged in as its own user."""

    def login(client: Client) -> None:
        client.tls_set(str(hardened.ca))
        client.username_pw_set("homeassistant", hardened.password("homeassistant"))

    made = Assistant(hardened.address, login=login)
    yield made
    made.end()


async def test_it_sees_the_sensors_and_no_one_s_password_is_needed_but_theirs(
    hardened: Hardened, assistant: Assistant, kafka: str, topics: str, tmp_path: Path
) -> None:
    env = environment(
        PYTHONPATH=str(ROOT),
        BROKER=kafka,
        BLUFLOW_TOPIC_PREFIX=topics,
        MQTT=hardened.address,
        HOMEASSISTANT_USER="discovery",
        HOMEASSISTANT_PASSWORD_FILE=str(hardened.password_file("discovery")),
        HOMEASSISTANT_CA_FILE=str(hardened.ca),
        HOMEASSISTANT_PORT=str(find_free_port()),
    )
    with (tmp_path / "log").open("wb") as log:
        child = spawn(
            [sys.executable, "-P", "-m", "api.homeassistant"], env=env, cwd=str(tmp_path), stdout=log, stderr=log
        )
    try:
        async with AIOKafkaProducer(bootstrap_servers=kafka, acks="all") as producer:
            state = latest(seen=time.time_ns() // 1_000_000)
            await producer.send_and_wait(LATEST.full_name(topics), encode(state), SENSOR.encode())
        await until_async(lambda: assistant.shown().get(TEMPERATURE) == 22.3, 60, f"its value: {tmp_path / 'log'}")
        assistant.be_born()
        told = assistant.configured
        await until_async(lambda: assistant.configured > told, 20, "told again at its birth")
        child.send_signal(15)
        assert child.wait(15) == 0
        await until_async(lambda: assistant.shown()[TEMPERATURE] == UNAVAILABLE, 20, "nobody tells it any more")
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("user", ["shellypro2-a", "bridge", "probe", "simulator", "homeassistant"])
def test_nobody_but_the_publisher_tells_home_assistant(connect: Connect, user: str) -> None:
    """What mosquitto drops it acknowledges all the same; it is not heard before the next that it lets through."""
    listener, publisher = connect("homeassistant"), connect("discovery")
    listener.subscribe("homeassistant/#", "bluflow/homeassistant/#")
    forger = connect(user)
    for topic in (CONFIG, STATE, state_topic(SENSOR), availability_topic(SENSOR)):
        forger.publish(topic, b"forged")
    publisher.publish(STATE, b"own")
    assert b"forged" not in [payload for _, payload in listener.heard_until(b"own")]


def test_the_publisher_says_nothing_else_and_hears_no_gateway(connect: Connect) -> None:
    listener, publisher, gateway = connect("operator"), connect("discovery"), connect("shellypro2-a")
    listener.subscribe("#")
    publisher.subscribe("#", "+/events/rpc", "homeassistant/status")
    for topic in (
        "shellypro2-a/rpc",
        "shellypro2-a/events/rpc",
        "homeassistant/status",
        "homeassistant/light/a/config",
    ):
        publisher.publish(topic, b"forged")
    publisher.publish(CONFIG, json.dumps({}).encode())
    assert b"forged" not in [payload for _, payload in listener.heard_until(b"{}")]
    gateway.publish("shellypro2-a/events/rpc", b"secret")
    home = connect("homeassistant")
    home.publish("homeassistant/status", b"online")
    assert b"secret" not in [payload for _, payload in publisher.heard_until(b"online")]


def test_home_assistant_hears_no_gateway(connect: Connect) -> None:
    home = connect("homeassistant")
    home.subscribe("#", "+/events/rpc", "bluflow/#")
    connect("shellypro2-a").publish("shellypro2-a/events/rpc", b"secret")
    publisher = connect("discovery")
    publisher.publish(STATE, b"yours")
    assert b"secret" not in [payload for _, payload in home.heard_until(b"yours")]
