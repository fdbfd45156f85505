"""A stand-in for Home Assistant, by its documentation: it takes what it is told, and shows what it would show."""

import json
import re
import threading
import time
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from runtime.paho_thread import wait_for_end
from runtime.settings import host_port
from tests.api.homeassistant.documented import Configuration, SensorEntity, read

_TEMPLATE = re.compile(r"\{\{ value_json\.(\w+) \}\}").fullmatch
UNAVAILABLE, UNKNOWN = "unavailable", "unknown"


class Assistant:
    """One life of Home Assistant, from its birth message on. `login` sets the client up before it connects."""

    def __init__(
        self, mqtt: str, *, prefix: str = "homeassistant", login: Callable[[Client], object] = lambda client: None
    ) -> None:
        self.devices: dict[str, Configuration] = {}  # by the topic of the configuration
        self.configured = 0  # how often it was told of a device
        self.available: list[tuple[str, str]] = []  # what was said while it listened, in its order
        self._availability: dict[str, str] = {}
        self._values: dict[str, tuple[float, dict[str, Any]]] = {}  # when it came, by state topic
        self._lock = threading.RLock()
        self._prefix = prefix
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._message
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._ready.set()
        login(self._client)
        self._client.connect(*host_port(mqtt))
        self._client.loop_start()
        assert self._ready.wait(15)

    def _connected(self, client: Client, *_: object) -> None:
        client.subscribe(f"{self._prefix}/device/+/config", qos=1)

    def be_born(self) -> None:
        """What it says once its own discovery runs."""
        self._client.publish(f"{self._prefix}/status", b"online", qos=1).wait_for_publish(15)

    def end(self) -> None:
        self._client.disconnect()
        wait_for_end(self._client)

    def shown(self) -> dict[str, object]:
        """Every entity by its unique id: a value, `unknown` or `unavailable`."""
        with self._lock:
            return {
                entity.unique_id: self._state(device, entity)
                for device in self.devices.values()
                for entity in device.components.values()
            }

    def _state(self, device: Configuration, entity: SensorEntity) -> object:
        assert device.availability_mode == "all"
        for one in device.availability:
            if self._availability.get(one.topic) != one.payload_available:
                return UNAVAILABLE
        came, said = self._values.get(entity.state_topic, (0.0, None))
        if said is None:
            return UNKNOWN
        if entity.expire_after and time.monotonic() - came > entity.expire_after:
            return UNAVAILABLE
        member = _TEMPLATE(entity.value_template)
        assert member
        value = said[member[1]]
        return UNKNOWN if value is None else value

    def _message(self, client: Client, data: object, message: MQTTMessage) -> None:
        with self._lock:
            if message.topic.endswith("/config"):
                self._configure(message.topic, bytes(message.payload))
            elif message.topic.endswith("/state") and message.payload.startswith(b"{"):
                assert not message.retain
                self._values[message.topic] = (time.monotonic(), json.loads(message.payload))
            else:
                self._availability[message.topic] = message.payload.decode()
                if not message.retain:
                    self.available.append((message.topic, message.payload.decode()))

    def _configure(self, topic: str, payload: bytes) -> None:
        self.configured += 1
        if not payload:
            self.devices.pop(topic, None)
            return
        device = self.devices[topic] = read(payload)
        wanted = {entity.state_topic for entity in device.components.values()}
        for each in sorted(wanted | {one.topic for one in device.availability}):
            self._client.subscribe(each, qos=1)
