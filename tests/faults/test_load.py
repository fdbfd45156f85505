"""The load itself, on a real mosquitto: what its ledger holds is what was delivered, through an outage too."""

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from cli.child import spawn
from cli.embedded import wait_until_accepts
from runtime.paho_thread import wait_for_end
from tests.conftest import find_free_port
from tests.faults.load import Load, Plan, publishing
from tests.polling import until

_MOSQUITTO = """
user {user}
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
max_inflight_messages 0
max_queued_messages 0
"""
RATE, SECONDS = 1000, 3


class House:
    """mosquitto, who hears all of it, and the plan of a load there."""

    def __init__(self, folder: Path, *, lossless: bool) -> None:
        self.port, self._config = find_free_port(), folder / "mosquitto.conf"
        self._config.write_text(_MOSQUITTO.format(user=getpass.getuser(), port=self.port, folder=folder))
        address, ledger = f"127.0.0.1:{self.port}", str(folder / "ledger")
        self.plan = Plan(mqtt=address, ledger=ledger, block=1, rate=RATE, seconds=SECONDS, lossless=lossless)
        self.heard: list[bytes] = []

    def start(self) -> None:
        """mosquitto, which keeps what the listener has not got yet, and the listener's next connection to it."""
        self.broker = spawn(["/usr/sbin/mosquitto", "-c", str(self._config)])
        wait_until_accepts(self.plan.mqtt)
        granted: list[object] = []
        self.listener = paho.Client(CallbackAPIVersion.VERSION2, "listener", clean_session=False)
        self.listener.on_subscribe = lambda *answer: granted.append(answer)
        self.listener.on_message = lambda _, __, message: self.heard.append(bytes(message.payload))
        self.listener.connect("127.0.0.1", self.port)
        self.listener.loop_start()
        self.listener.subscribe("+/events/rpc", qos=1)
        until(lambda: granted, 10, "SUBACK")

    def end(self) -> None:
        """SIGTERM: it writes its sessions down."""
        self.broker.terminate()
        self.broker.wait(10)
        self.listener.disconnect()
        wait_for_end(self.listener)


@contextmanager
def house(folder: Path, *, lossless: bool) -> Iterator[tuple[House, Load]]:
    made = House(folder, lossless=lossless)
    made.start()
    try:
        with publishing(made.plan) as load:
            yield made, load
    finally:
        made.end()


def places(payloads: list[bytes]) -> list[int]:
    """Where in the traffic these messages stand."""
    return [json.loads(payload)["params"]["events"][0]["data"]["seq"] for payload in payloads]


@pytest.mark.parametrize("lossless", [True, False])
def test_an_outage_of_the_mqtt_broker(tmp_path: Path, lossless: bool) -> None:
    with house(tmp_path, lossless=lossless) as (made, load):
        until(lambda: len(load.ledger.packets()) > RATE, 20, "traffic")
        made.end()
        told = len(load.ledger.packets())
        made.start()
        until(lambda: load.done, 60, "all of it is acknowledged")
        acknowledged = load.ledger.packets()
        until(lambda: len(set(places(made.heard))) >= len(acknowledged), 10, "all of it is heard")
        assert len(acknowledged) > told
        assert (len(acknowledged) == made.plan.packets) is lossless, "a gateway of five loses, the other none"
        assert {made.plan.packet(place, 0).identity for place in places(made.heard)} == acknowledged.keys()


def test_the_embedded_mqtt_broker_takes_it_too(tmp_path: Path, mqtt: str) -> None:
    plan = Plan(mqtt=mqtt, ledger=str(tmp_path / "ledger"), block=1, rate=RATE, seconds=1)
    with publishing(plan) as load:
        until(lambda: load.done, 30, "all of it is acknowledged")
        assert len(load.ledger.packets()) == plan.packets
