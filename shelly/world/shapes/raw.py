"""Scripts that hand on raw service data; encrypted packets pass through all but openHAB's."""

import base64
from collections.abc import Sequence

from shelly.world.air import Heard
from shelly.world.shapes.shape import Shape, Written, as_json, notify_event


def _bluflow(gateway: str, at: int, seq: int, heard: Sequence[Heard]) -> Written | None:
    entries = [[h.beacon.sensor, h.rssi, at - h.at, h.beacon.service_data.hex()] for h in heard]
    return notify_event(gateway, at, "bluflow", {"v": 1, "seq": seq, "d": entries})


def _scan_result(gateway: str, at: int, seq: int, heard: Sequence[Heard]) -> Written | None:
    entries = [[h.beacon.sensor, h.rssi, _advert(h.beacon.service_data), ""] for h in heard]
    return notify_event(gateway, at, "ble.scan_result", [2, entries])


def _scan_result_1(gateway: str, at: int, seq: int, heard: Sequence[Heard]) -> Written | None:
    [one] = heard
    data = [1, one.beacon.sensor, one.rssi, _advert(one.beacon.service_data), ""]
    return notify_event(gateway, at, "ble.scan_result", data)


def _advert(data: bytes) -> str:
    """The whole advertisement: flags, then service data of UUID fcd2."""
    return base64.b64encode(bytes.fromhex("020106") + bytes([len(data) + 3, 0x16, 0xD2, 0xFC]) + data).decode()


def _iobroker(gateway: str, at: int, seq: int, heard: Sequence[Heard]) -> Written | None:
    [one] = heard
    frame = {
        "scriptVersion": "1.4.0",
        "src": gateway,
        "srcScript": {"id": 1},
        "srcBle": {"mac": one.beacon.sensor, "rssi": one.rssi},
        "payload": one.beacon.service_data.hex(),
    }
    return f"{gateway}/events/ble", as_json(frame)


def _oh_blu(gateway: str, at: int, seq: int, heard: Sequence[Heard]) -> Written | None:
    [one] = heard
    beacon = one.beacon
    if beacon.encrypted:
        return notify_event(gateway, at, "oh-blu.alarm", {"addr": beacon.sensor, "code": "BTH_ENCRYPTED"})
    raw = beacon.service_data[1:].hex()  # without the device-info byte
    data = {"addr": beacon.sensor, "rssi": one.rssi, "pid": beacon.packet_id, "ver": 2, "raw": raw}
    return notify_event(gateway, at, "oh-blu.data", data)


def _m_schaeffler(gateway: str, at: int, seq: int, heard: Sequence[Heard]) -> Written | None:
    [one] = heard
    data = {
        "addr": one.beacon.sensor,
        "rssi": one.rssi,
        "time": at,  # milliseconds
        "gateway": "Shelly Gateway",
        "data": list(one.beacon.service_data),
    }
    return f"{gateway}/ble", as_json(data)


BLUFLOW = Shape(
    _bluflow,
    wait=1000,
    most=16,
    holds=True,
    copy_of=lambda beacon: (f"{beacon.sensor} {beacon.service_data.hex()}", None),
    same=2000,
)
SCAN_RESULT, SCAN_RESULT_1 = Shape(_scan_result, wait=100, most=16), Shape(_scan_result_1)
IOBROKER = Shape(_iobroker, qos=0)
OH_BLU = Shape(
    _oh_blu,
    carries=lambda beacon: not beacon.encrypted,
    copy_of=lambda beacon: (beacon.sensor, beacon.packet_id),
)
M_SCHAEFFLER = Shape(_m_schaeffler)
