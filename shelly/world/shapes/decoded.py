"""Scripts that decode on the gateway. They drop what is encrypted, and stop at the first object unknown to them."""

from collections.abc import Callable, Sequence
from typing import Any

from shelly.world.air import Heard
from shelly.world.beacon import OBJECT_IDS, Beacon
from shelly.world.shapes.shape import Shape, Written, as_json, notify_event

# to their tables: a display model loses its climate
_UNKNOWN = ("battery_low", "light", "light_level", "device_type_id", "firmware_version")
_OLD_NAMES = {"battery": "Battery"}


def read(beacon: Beacon) -> dict[str, Any] | None:
    """What such a script makes of a packet, the packet id as `pid`; None for an encrypted one."""
    if beacon.encrypted:
        return None
    found: dict[str, Any] = {"encryption": False, "BTHome_version": 2, "pid": beacon.packet_id}
    for name in sorted(beacon.values, key=OBJECT_IDS.__getitem__):
        if name in _UNKNOWN:
            break
        value = beacon.values[name]
        # with the tail that its arithmetic gives
        found[name] = round(value * 10) * 0.1 if name == "temperature" else value
    return found


_Sent = Callable[[str, int, Heard, dict[str, Any]], Written]


def _script(sent: _Sent) -> Callable[[str, int, int, Sequence[Heard]], Written | None]:
    def write(gateway: str, at: int, seq: int, heard: Sequence[Heard]) -> Written | None:
        [one] = heard
        data = read(one.beacon)
        return None if data is None else sent(gateway, at, one, data)

    return write


def _shelly_blu(gateway: str, at: int, one: Heard, data: dict[str, Any]) -> Written:
    return notify_event(gateway, at, "shelly-blu", {**data, "rssi": one.rssi, "address": one.beacon.sensor})


def _shelly_blu_events(gateway: str, at: int, one: Heard, data: dict[str, Any]) -> Written:
    data |= {"rssi": one.rssi, "address": one.beacon.sensor}
    return f"shelly-blu/events/{one.beacon.sensor}", as_json(data)


def _oh_blu_old(gateway: str, at: int, one: Heard, data: dict[str, Any]) -> Written:
    data = {_OLD_NAMES.get(name, name): value for name, value in data.items()}
    return notify_event(gateway, at, "oh-blu.data", {**data, "addr": one.beacon.sensor, "rssi": one.rssi})


def _universal_blu(gateway: str, at: int, one: Heard, data: dict[str, Any]) -> Written:
    told = {"addr": one.beacon.sensor, "rssi": one.rssi, "local_name": "", "service_data": data}
    return one.beacon.sensor, as_json(told)


def _blegateway(gateway: str, at: int, one: Heard, data: dict[str, Any]) -> Written:
    del data["encryption"], data["BTHome_version"]
    topic = f"blegateway/{one.beacon.sensor.replace(':', '')}/sensor"
    return topic, as_json({**data, "rssi": one.rssi, "src": gateway})


def _m_schaeffler(gateway: str, at: int, one: Heard, data: dict[str, Any]) -> Written:
    return f"{gateway}/ble", as_json({"addr": one.beacon.sensor, "rssi": one.rssi, **data})


# one last packet id for all sensors together: that script's real fault, readings are lost by it
SHELLY_BLU = Shape(_script(_shelly_blu), copy_of=lambda beacon: ("all", beacon.packet_id))
SHELLY_BLU_EVENTS = Shape(_script(_shelly_blu_events), copy_of=lambda beacon: (beacon.sensor, beacon.packet_id))
OH_BLU_OLD = Shape(_script(_oh_blu_old), copy_of=lambda beacon: (beacon.sensor, beacon.packet_id))
UNIVERSAL_BLU = Shape(_script(_universal_blu), qos=0)
BLEGATEWAY = Shape(_script(_blegateway), qos=0)
M_SCHAEFFLER_DECODED = Shape(_script(_m_schaeffler))
