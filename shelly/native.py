"""A simulated gateway's own BTHome components: what its firmware makes of a packet, and its answer about them.

A sensor has three components, `bthomesensor` of battery, humidity and temperature, beside its `bthomedevice`.
"""

import json
from collections.abc import Sequence
from typing import Any

from shelly.beacon import Beacon
from shelly.envelopes import Heard, Written

FIRST_ID = 200
MOST_SENSORS = 33  # of the 100 ids that a gateway has for sensor components
PAGE = 5  # components in one answer
_OBJECTS = ((1, "battery"), (46, "humidity"), (69, "temperature"))  # BTHome object id, in decimal as Shelly does


class Components:
    """The components of the sensors that were paired, in order of pairing."""

    def __init__(self, gateway: str, sensors: Sequence[str]) -> None:
        self._gateway = gateway
        self._paired = {sensor: number for number, sensor in enumerate(sensors[:MOST_SENSORS])}
        self._said: dict[str, Any] = {}

    def knows(self, sensor: str) -> bool:
        """Whether it was paired: of others the firmware says nothing."""
        return sensor in self._paired

    def device_status(self, at: int, heard: Heard) -> Written:
        """The first of two notifications of a packet: the device's."""
        beacon = heard.beacon
        status = {"rssi": heard.rssi, "battery": beacon.battery, "packet_id": beacon.packet_id}
        name = f"bthomedevice:{FIRST_ID + self._paired[beacon.sensor]}"
        return self._notify(at, {name: self._status(name, at, status)})

    def sensor_status(self, at: int, beacon: Beacon) -> Written:
        """The second: its sensors', values that did not change left out."""
        said = {}
        for place, (_, quantity) in enumerate(_OBJECTS):
            name = f"bthomesensor:{self._first(beacon.sensor) + place}"
            value = getattr(beacon, quantity)
            changed = {} if self._said.get(name) == value else {"value": value}
            self._said[name] = value
            said[name] = self._status(name, at, changed)
        return self._notify(at, said)

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
        return f"{question['src']}/rpc", _json(envelope)

    def _page(self, offset: int) -> dict[str, Any]:
        everything = list(self._configs())
        page = everything[offset : offset + PAGE]
        return {"components": page, "cfg_rev": 1, "offset": offset, "total": len(everything)}

    def _configs(self) -> Sequence[dict[str, Any]]:
        found = []
        for sensor, number in self._paired.items():
            device = {"id": FIRST_ID + number, "addr": sensor, "name": None, "key": None, "meta": None}
            found.append(
                {"key": f"bthomedevice:{device['id']}", "config": device, "attrs": {"flags": 0, "model_id": 3}}
            )
            for place, (obj_id, _) in enumerate(_OBJECTS):
                config = {"id": self._first(sensor) + place, "addr": sensor, "name": None, "obj_id": obj_id, "idx": 0}
                found.append({"key": f"bthomesensor:{config['id']}", "config": config})
        return found

    def _first(self, sensor: str) -> int:
        return FIRST_ID + len(_OBJECTS) * self._paired[sensor]

    def _status(self, name: str, at: int, said: dict[str, Any]) -> dict[str, Any]:
        return {"id": int(name.partition(":")[2]), **said, "last_updated_ts": at // 1000}

    def _notify(self, at: int, said: dict[str, Any]) -> Written:
        params = {"ts": round(at / 1000, 2), **said}
        frame = {"src": self._gateway, "dst": f"{self._gateway}/events", "method": "NotifyStatus", "params": params}
        return f"{self._gateway}/events/rpc", _json(frame)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
