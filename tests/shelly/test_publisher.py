"""Playing messages to a real MQTT broker, and what is kept when it is away."""

import queue
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from cli.child import spawn
from cli.commands import run_command
from cli.embedded import mqtt_command, mqtt_config, wait_until_accepts
from runtime.paho_thread import wait_for_end
from runtime.settings import host_port
from shelly.playback import due_at, first_moment
from shelly.publisher import Publisher
from shelly.world.message import Message
from shelly.world.outbox import KEPT
from shelly.world.scenario import house
from shelly.world.truth_file import read_truth
from shelly.world.world import World
from tests.cli.processes import bluflow

GATEWAY = "shellypro2-a8032abe54d0"


class Listener:
    """Everything that is published below `topic_filter`."""

    def __init__(self, address: str, topic_filter: str) -> None:
        self.received: queue.Queue[tuple[str, bytes]] = queue.Queue()
        subscribed: queue.Queue[bool] = queue.Queue()
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        self.client.on_message = lambda _, __, message: self.received.put((message.topic, bytes(message.payload)))
        self.client.on_subscribe = lambda *_: subscribed.put(True)
        self.client.connect(*host_port(address))
        self.client.loop_start()
        self.client.subscribe(topic_filter, qos=1)
        subscribed.get(timeout=5)

    def payloads(self, count: int) -> list[bytes]:
        """The next `count` payloads, `online` left out."""
        found: list[bytes] = []
        while len(found) < count:
            topic, payload = self.received.get(timeout=5)
            if not topic.endswith("/online"):
                found.append(payload)
        return found

    def close(self) -> None:
        self.client.disconnect()
        wait_for_end(self.client)


@pytest.fixture
def listen() -> Iterator[Callable[[str, str], Listener]]:
    made: list[Listener] = []

    def make(address: str, topic_filter: str) -> Listener:
        made.append(Listener(address, topic_filter))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_what_was_acknowledged_is_what_arrived(mqtt: str, listen: Callable[[str, str], Listener]) -> None:
    scenario = house(count=24)
    listener = listen(mqtt, "+/events/rpc")
    acked: list[Message] = []
    start = first_moment(scenario, 0)
    world = World(scenario, start)
    sent = list(world.messages())
    names = [gateway.name for gateway in world.gateways]
    publisher = Publisher(mqtt, names, lossless=True, on_acked=acked.append)
    publisher.play(sent, due=due_at(start, 0))
    assert publisher.drain(10)
    publisher.close()
    assert sorted(m.payload for m in acked) == sorted(m.payload for m in sent)
    assert sorted(listener.payloads(len(sent))) == sorted(m.payload for m in sent)
    assert (publisher.acked, publisher.dropped) == (len(sent), 0)


def test_it_plays_in_real_time_or_faster(mqtt: str) -> None:
    scenario = house(gateways=1, sensors=1, interval=1, loss=0, count=4)
    took = {}
    for speed in (1.0, 10.0):
        publisher = Publisher(mqtt, [GATEWAY], lossless=True)
        start, begun = first_moment(scenario, speed), time.monotonic()
        publisher.play(World(scenario, start).messages(), due=due_at(start, speed))
        assert publisher.drain(10)
        took[speed] = time.monotonic() - begun
        publisher.close()
    assert 3.5 < took[1.0] < 6
    assert took[10.0] < 1.5


@pytest.mark.parametrize("lossless", [False, True])
def test_while_mqtt_is_away_a_gateway_keeps_the_newest_five_and_a_lossless_one_all(
    lossless: bool, tmp_path: Path, free_port: Callable[[], int], listen: Callable[[str, str], Listener]
) -> None:
    port = free_port()
    address = f"127.0.0.1:{port}"
    publisher = Publisher(address, [GATEWAY], lossless=lossless)
    for number in range(8):
        publisher.offer(Message(number, GATEWAY, f"{GATEWAY}/events/rpc", b"%d" % number))
    config = tmp_path / "mqtt.toml"
    config.write_text(mqtt_config("127.0.0.1", port))
    broker = spawn(mqtt_command(config))
    try:
        wait_until_accepts(address)
        listener = listen(address, "#")
        assert publisher.drain(10)
        kept = 8 if lossless else KEPT
        assert listener.payloads(kept) == [b"%d" % number for number in range(8 - kept, 8)]
        assert (publisher.acked, publisher.dropped) == (kept, 8 - kept)
    finally:
        publisher.close()
        broker.kill()
        broker.wait()


def test_the_command_writes_the_truth_of_what_was_acknowledged_and_the_keys(tmp_path: Path, mqtt: str) -> None:
    truth, keys = tmp_path / "truth", tmp_path / "keys.yaml"
    files = ["--truth", str(truth), "--keys-file", str(keys), "--encrypted", "2"]
    many = ["--sensors", "6", "--count", "12", "--speed", "max", "--loss", "0", "--mqtt", mqtt]
    done = bluflow("simulate", *many, *files, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert " messages acknowledged, 0 dropped" in done.stderr
    told = read_truth(truth)
    assert len(told.sent) == 12
    assert told.owed == told.published.keys() == told.sent.keys()
    assert sum(sent.encrypted for sent in told.sent.values()) == 4
    assert keys.stat().st_mode & 0o777 == 0o600
    assert len(keys.read_text().splitlines()) == 2


def test_a_broker_that_takes_nothing_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], free_port: Callable[[], int]
) -> None:
    monkeypatch.setattr(Publisher, "wait_connected", lambda self, seconds: False)
    monkeypatch.setattr(Publisher, "drain", lambda self, seconds: False)
    monkeypatch.setattr("cli.simulate_played.setup_logging", lambda *_, **__: None)
    monkeypatch.setattr("signal.signal", lambda *_: None)  # Ctrl-C stays pytest's
    address = f"127.0.0.1:{free_port()}"
    assert run_command(["simulate", "--count", "1", "--speed", "max", "--mqtt", address]) == 2
    assert f"bluflow: the MQTT broker at {address} took none of it" in capsys.readouterr().err


def test_the_command_sends_the_same_bytes_from_the_same_start_whatever_the_speed(
    tmp_path: Path, mqtt: str, listen: Callable[[str, str], Listener]
) -> None:
    found = []
    for speed in ("max", "30"):
        listener = listen(mqtt, "+/events/rpc")
        options = ["--duration", "60", "--speed", speed, "--start", "2026-03-01T00:00:00Z", "--mqtt", mqtt]
        done = bluflow("simulate", "--gateways", "1", *options, folder=tmp_path)
        count = int(re.findall(r"(\d+) messages acknowledged, 0 dropped", done.stderr)[0])
        found.append(listener.payloads(count))
        listener.close()
    assert found[0] == found[1]
    assert len(found[0]) > 10
