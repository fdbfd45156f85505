"""What the bridges forward: frames in mosquitto's queue for a session that is away, as after an outage.

So whoever is measured is never waiting for a publisher. Each frame has one packet.
"""

import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from bridge.settings import SHELLY_SUBSCRIPTIONS
from runtime.settings import host_port
from shelly.world.air import Heard
from shelly.world.room import Climate
from shelly.world.sensor import make_sensor
from shelly.world.shapes import SCRIPTS

GATEWAYS = 20
_PATIENCE = 60.0  # seconds
_MOST_UNACKED = 1_000


def begin_session(address: str, client_id: str) -> None:
    """What the bridge would have left behind: a session that is subscribed, nobody there."""
    done: list[int] = []
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id, clean_session=False)

    def on_connect(*_: Any) -> None:
        client.subscribe([(text, 1) for text in SHELLY_SUBSCRIPTIONS])

    client.on_connect = on_connect
    client.on_subscribe = lambda *_: done.append(1)
    _run(client, address, lambda: bool(done))


def publish(address: str, count: int) -> None:
    """Returns when mosquitto has acknowledged all of them."""
    acked, sent = [0], 0
    client = paho.Client(CallbackAPIVersion.VERSION2, "bench-publisher")
    client.max_inflight_messages_set(_MOST_UNACKED)
    at = time.time_ns() // 1_000_000
    sensors = [make_sensor(1, index, at) for index in range(100)]

    def on_publish(*_: object) -> None:
        acked[0] += 1

    client.on_publish = on_publish
    client.connect(*host_port(address))
    client.loop_start()
    try:
        for number in range(count):
            beacon = sensors[number % 100].speak(at, Climate(20, 50))
            written = SCRIPTS["bluflow"].write(f"gw-{number % GATEWAYS}", at, number, [Heard(at - 40, -60, beacon)])
            assert written is not None
            client.publish(*written, qos=1)
            sent += 1
            while sent - acked[0] > _MOST_UNACKED:
                time.sleep(0.001)
        _wait(lambda: acked[0] >= count, "the publisher's acknowledgements")
    finally:
        client.disconnect()
        client.loop_stop()


def unacknowledged(address: str, client_id: str) -> int:
    """How many frames the session still holds: it takes it over, and counts what comes within a second."""
    found: list[int] = []
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id, clean_session=False)
    client.on_message = lambda *_: found.append(1)
    began = time.monotonic()
    _run(client, address, lambda: time.monotonic() - began > 1.0)
    return len(found)


def _run(client: paho.Client, address: str, done: Callable[[], bool]) -> None:
    client.connect(*host_port(address))
    client.loop_start()
    try:
        _wait(done, "mosquitto")
    finally:
        client.disconnect()
        client.loop_stop()


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.01)
