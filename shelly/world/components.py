"""A gateway's own BTHome components: what its firmware makes of a packet, and its answer about them.

A sensor has a `bthomedevice`, and a `bthomesensor` for each property. The firmware decrypts; it says a packet in parts,
in one of three ways: notifications, status topics (which then come besides), or events of the device with a map of
values. A press is an event of the device.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shelly.world.air import Heard
from shelly.world.beacon import OBJECT_IDS, Beacon
from shelly.world.clock import STEP, Clock
from shelly.world.message import Message, Sent
from shelly.world.shapes.shape import Written, as_json, notify

FIRST_ID, IDS = 200, 100
PAGE = 5  # components in one answer
WAYS = ("native", "native-status", "native-event")
_NAMES = ("battery", "battery_low", "light", "humidity", "temperature", "light_level")
_TRUTHS = ("battery_low", "light")  # booleans
_PUSHES = {1: "single_push", 2: "double_push", 3: "triple_push", 4: "long_push", 128: "long_push"}


class Components:
    """The components of the sensors that were paired, in order of pairing, as far as there are ids for them.

    `paired`: sensor -> the properties that it has.
    """

    wait = 0
    waiting: Sequence[Heard] = ()  # it never collects

    def __init__(self, gateway: str, way: str, clock: Clock, paired: Mapping[str, Iterable[str]]) -> None:
        self._gateway, self._way, self._clock = gateway, way, clock
        self._devices: dict[str, int] = {}
        self._ids: dict[tuple[str, str], int] = {}
        self._models: dict[str, int] = {}
        for sensor, properties in paired.items():
            names = [name for name in _NAMES if name in properties]
            if len(self._ids) + len(names) > IDS or len(self._devices) >= IDS:
                break
            self._devices[sensor] = FIRST_ID + len(self._devices)
            for name in names:
                self._ids[sensor, name] = FIRST_ID + len(self._ids)
        self.forget()

    def forget(self) -> None:
        """As after a restart: pairs stay, what was said does not."""
        self._said: dict[int, float] = {}
        self._last: dict[str, int] = {}

    def hear(self, at: int, heard: Heard, *, online: bool) -> Sent:
        """Take one copy; what is said of it, unless it is known or not paired."""
        beacon = heard.beacon
        if beacon.sensor not in self._devices or self._last.get(beacon.sensor) == beacon.packet_id:
            return []
        self._last[beacon.sensor] = beacon.packet_id
        if "battery" not in beacon.values:  # it tells the firmware what the sensor is, and nothing is said of it
            return []
        parts = list(self._parts(self._clock.told(at), heard))
        messages = [Message(at + place * STEP, self._gateway, *part) for place, part in enumerate(parts)]
        last = messages[-1]  # the packet has been sent with its last part
        return [*messages[:-1], Message(last.at, last.gateway, last.topic, last.payload, (heard,))]

    def flush(self, at: int, *, online: bool) -> Sent:
        """Nothing ever waits."""
        return []

    def _parts(self, at: int, heard: Heard) -> Iterable[Written]:
        beacon = heard.beacon
        said = {"rssi": heard.rssi, "battery": beacon.values["battery"], "packet_id": beacon.packet_id}
        name = f"bthomedevice:{self._devices[beacon.sensor]}"
        device = {"id": self._devices[beacon.sensor], **said, "last_updated_ts": at // 1000}
        yield notify(self._gateway, at, "NotifyStatus", {name: device})
        if self._way == "native-event":
            yield self._event(at, beacon, "sensor_update", {"sensors": self._map(at, beacon)})
        else:
            yield from self._statuses(at, beacon)
        if "button" in beacon.values:
            event = _PUSHES.get(int(beacon.values["button"]), "single_push")
            yield self._event(at, beacon, event, {"idx": 1})

    def _statuses(self, at: int, beacon: Beacon) -> Iterable[Written]:
        values = {self._ids[beacon.sensor, name]: self._value(beacon, name) for name in _NAMES if name in beacon.values}
        stated = {number: {"id": number, "value": v, "last_updated_ts": at // 1000} for number, v in values.items()}
        if self._way == "native-status":
            for number, status in stated.items():
                yield f"{self._gateway}/status/bthomesensor:{number}", as_json(status)
            return
        changed = {f"bthomesensor:{number}": self._changed(number, status) for number, status in stated.items()}
        yield notify(self._gateway, at, "NotifyStatus", changed)

    def _changed(self, number: int, status: dict[str, Any]) -> dict[str, Any]:
        """Without the value, if it is the one last said."""
        if self._said.get(number) == status["value"]:
            return {name: value for name, value in status.items() if name != "value"}
        self._said[number] = status["value"]
        return status

    def _map(self, at: int, beacon: Beacon) -> dict[str, Any]:
        return {
            str(OBJECT_IDS[name]): [
                {
                    "id": self._ids[beacon.sensor, name],
                    "value": self._value(beacon, name),
                    "last_updated_ts": at // 1000,
                }
            ]
            for name in _NAMES
            if name in beacon.values
        }

    def _event(self, at: int, beacon: Beacon, event: str, more: dict[str, Any]) -> Written:
        number = self._devices[beacon.sensor]
        element = {"component": f"bthomedevice:{number}", "id": number, "event": event, **more}
        return notify(self._gateway, at, "NotifyEvent", {"events": [{**element, "ts": round(at / 1000, 2)}]})

    def _value(self, beacon: Beacon, name: str) -> float:
        value = beacon.values[name]
        return bool(value) if name in _TRUTHS else value

    def answer(self, topic: str, payload: bytes) -> Written | None:
        """The answer to an RPC question that came on `<gateway>/rpc`; None for what is no question."""
        try:
            question = json.loads(payload)
        except ValueError:
            return None
        if not isinstance(question, dict) or topic != f"{self._gateway}/rpc" or "src" not in question:
            return None
        envelope = {"id": question.get("id"), "src": self._gateway, "dst": question["src"]}
        method = question.get("method")
        if method == "Shelly.GetComponents":
            envelope["result"] = self._page(question.get("params", {}).get("offset", 0))
        else:
            envelope["error"] = {"code": 404, "message": f"No handler for {method}"}
        return f"{question['src']}/rpc", as_json(envelope)

    def _page(self, offset: int) -> dict[str, Any]:
        everything = list(self._configs())
        page = everything[offset : offset + PAGE]
        return {"components": page, "cfg_rev": 1, "offset": offset, "total": len(everything)}

    def _configs(self) -> Iterable[dict[str, Any]]:
        for sensor, number in self._devices.items():
            device = {"id": number, "addr": sensor, "name": None, "key": None, "meta": None}
            yield {"key": f"bthomedevice:{number}", "config": device, "attrs": {"flags": 0, "model_id": 3}}
            for (owner, name), own in self._ids.items():
                if owner == sensor:
                    config = {"id": own, "addr": sensor, "name": None, "obj_id": OBJECT_IDS[name], "idx": 0}
                    yield {"key": f"bthomesensor:{own}", "config": config}
