"""What gateways make of what they hear: our script's event and the four other shapes in use, as MQTT messages."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from shelly.beacon import Beacon

Written = tuple[str, bytes]  # topic, payload


@dataclass(frozen=True, slots=True)
class Heard:
    """One copy of a beacon as one gateway received it: when (unix milliseconds) and how loud (dBm)."""

    at: int
    rssi: int
    beacon: Beacon


def notify_event(gateway: str, at: int, event: str, data: Any) -> Written:
    """A script's `Shelly.emitEvent` as it comes out on MQTT."""
    ts = round(at / 1000, 2)
    entry = {"component": "script:1", "id": 1, "event": event, "data": data, "ts": ts}
    frame = {
        "src": gateway,
        "dst": f"{gateway}/events",
        "method": "NotifyEvent",
        "params": {"ts": ts, "events": [entry]},
    }
    return f"{gateway}/events/rpc", _json(frame)


def heartbeat(gateway: str, at: int, *, up: int, heard: int, sent: int) -> Written:
    """Our script's sign of life."""
    counts = {"up": up, "heard": heard, "sent": sent, "dropped": 0, "mem": 18432}
    return notify_event(gateway, at, "bluflow", {"v": 1, "hb": counts})


def _bluflow(gateway: str, at: int, seq: int, heard: Sequence[Heard]) -> Written | None:
    entries = [[h.beacon.sensor, h.rssi, at - h.at, h.beacon.service_data.hex()] for h in heard]
    return notify_event(gateway, at, "bluflow", {"v": 1, "seq": seq, "d": entries})


def _scan_result(gateway: str, at: int, seq: int, heard: Sequence[Heard]) -> Written | None:
    def pdu(data: bytes) -> str:
        return base64.b64encode(bytes.fromhex("020106") + bytes([len(data) + 3, 0x16, 0xD2, 0xFC]) + data).decode()

    entries = [[h.beacon.sensor, h.rssi, pdu(h.beacon.service_data), ""] for h in heard]
    return notify_event(gateway, at, "ble.scan_result", [2, entries])


def _shelly_blu(gateway: str, at: int, seq: int, heard: Sequence[Heard]) -> Written | None:
    [one] = heard
    beacon = one.beacon
    if beacon.encrypted:
        return None  # that script cannot read it and drops it
    data = {
        "encryption": False,
        "BTHome_version": 2,
        "pid": beacon.packet_id,
        "battery": beacon.battery,
        "humidity": beacon.humidity,
        "temperature": round(beacon.temperature * 10) * 0.1,  # with the tail that its arithmetic gives
        "rssi": one.rssi,
        "address": beacon.sensor,
    }
    return notify_event(gateway, at, "shelly-blu", data)


def _iobroker(gateway: str, at: int, seq: int, heard: Sequence[Heard]) -> Written | None:
    [one] = heard
    frame = {
        "scriptVersion": "1.4.0",
        "src": gateway,
        "srcScript": {"id": 1},
        "srcBle": {"mac": one.beacon.sensor, "rssi": one.rssi},
        "payload": one.beacon.service_data.hex(),
    }
    return f"{gateway}/events/ble", _json(frame)


def _oh_blu(gateway: str, at: int, seq: int, heard: Sequence[Heard]) -> Written | None:
    [one] = heard
    beacon = one.beacon
    if beacon.encrypted:
        return notify_event(gateway, at, "oh-blu.alarm", {"addr": beacon.sensor, "code": "BTH_ENCRYPTED"})
    raw = beacon.service_data[1:].hex()  # without the device-info byte
    data = {"addr": beacon.sensor, "rssi": one.rssi, "pid": beacon.packet_id, "ver": 2, "raw": raw}
    return notify_event(gateway, at, "oh-blu.data", data)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Format:
    """A script: how it writes, how long it collects (milliseconds), how many at most, and what it filters.

    `filters` is None, or gives what a packet id is remembered under: the same id again is not passed on.
    """

    write: Callable[[str, int, int, Sequence[Heard]], Written | None]
    wait: int = 0
    most: int = 1
    filters: Callable[[Beacon], str] | None = None


FORMATS = {
    "bluflow": Format(_bluflow, wait=1000, most=16),
    "scan-result": Format(_scan_result, wait=100, most=16),
    # one last packet id for all sensors together: that script's real fault, readings are lost by it
    "shelly-blu": Format(_shelly_blu, filters=lambda _: "all"),
    "iobroker": Format(_iobroker),
    "oh-blu": Format(_oh_blu, filters=lambda beacon: beacon.sensor),
}
