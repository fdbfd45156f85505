"""Back to how a gateway was before it was set up: steps. Pure."""

from collections.abc import Iterator
from typing import Any

from shelly.setup.device import Device
from shelly.setup.memory import Before
from shelly.setup.plan import Call, Step, config_steps, remove_script, script_steps
from shelly.setup.wanted import USER_CA

# What `setup` may write; everything else is the owner's business.
_TOUCHED: dict[str, tuple[tuple[str, ...], ...]] = {
    "sys": (("sntp", "server"),),
    "ble": (("enable",), ("rpc", "enable")),
    "mqtt": tuple((key,) for key in ("enable", "server", "user", "ssl_ca", "rpc_ntf", "status_ntf", "enable_rpc")),
}


def undo(device: Device, before: Before) -> list[Step]:
    """The steps in their order; empty if it is as it was."""
    config = {name: _part(getattr(before, name), getattr(device, name), paths) for name, paths in _TOUCHED.items()}
    return [*_script(device, before), *_native(device, before), *config_steps(device, config), *_ca(device, before)]


def cannot_undo(before: Before) -> list[str]:
    """What stays as it is now, a line each."""
    lines = []
    if before.mqtt.get("user"):
        lines.append("the earlier MQTT password could not be read from the gateway: set it again in its web page")
    if before.mqtt.get("ssl_ca") == USER_CA:
        lines.append("the earlier authority's certificate could not be read from the gateway: upload it again")
    return lines


def _script(device: Device, before: Before) -> list[Step]:
    if before.script_code is None:
        return [remove_script(device.script)] if device.script else []
    return script_steps(device.script, before.script_code, enable=before.script_enabled, running=before.script_running)


def _native(device: Device, before: Before) -> Iterator[Step]:
    for mac in sorted(set(device.paired) - set(before.paired)):
        owned = [each for each in device.components if str((each.get("config") or {}).get("addr")).lower() == mac]
        calls = []
        for each in sorted(owned, key=lambda each: str(each.get("key")), reverse=True):  # sensors before their device
            kind, _, number = str(each.get("key")).partition(":")
            method = {"bthomesensor": "BTHome.DeleteSensor", "bthomedevice": "BTHome.DeleteDevice"}.get(kind)
            if method and number.isdecimal():
                calls.append(Call(method, {"id": int(number)}))
        yield Step(f"native component: take {mac} away", tuple(calls))


def _ca(device: Device, before: Before) -> list[Step]:
    if device.mqtt.get("ssl_ca") != USER_CA or before.mqtt.get("ssl_ca") == USER_CA:
        return []
    return [Step("TLS: take the authority's certificate away", (Call("Shelly.PutUserCA", {"data": None}),))]


def _part(before: dict[str, Any], now: dict[str, Any], paths: tuple[tuple[str, ...], ...]) -> dict[str, Any]:
    """The touched keys, nested, as they were; without those that a firmware update has taken away since."""
    part: dict[str, Any] = {}
    for *above, last in paths:
        source, present, target = before, now, part
        for key in above:
            source, present, target = source.get(key) or {}, present.get(key) or {}, target.setdefault(key, {})
        if last in source and last in present:
            target[last] = source[last]
    return part
