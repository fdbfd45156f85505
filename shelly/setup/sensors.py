"""Which sensors a gateway hears: asked of our script, or of the firmware's own components."""

import asyncio
import re
from dataclasses import dataclass

from shelly.rpc.client import Rpc
from shelly.rpc.errors import NO_HANDLER, GatewayError, RpcError
from shelly.setup.device import Device, components
from shelly.setup.native import heard_by_relay

_POLL = 2.0  # seconds; the script remembers its last 32 packets
_ENCRYPTED = 1  # bit of the device-info byte
_PACKET = re.compile(r"([0-9a-f]{2}(?::[0-9a-f]{2}){5}) ([0-9a-f]{2,}) (-?\d{1,3}) (\d{1,12});")


@dataclass(frozen=True)
class Heard:
    """One sensor: rssi in dBm and age in seconds when known; `encrypted` None if nobody can tell."""

    mac: str
    rssi: int | None
    age: float | None
    encrypted: bool | None
    data: str = ""


def parse_lately(text: str) -> dict[str, Heard]:
    """What the script's `lately()` told, the newest packet of each sensor, however the answer is quoted."""
    found: dict[str, Heard] = {}
    for mac, data, rssi, age in _PACKET.findall(text):
        heard = Heard(mac, int(rssi), int(age) / 1000, bool(int(data[:2], 16) & _ENCRYPTED), data)
        if mac not in found or (heard.age or 0) < (found[mac].age or 0):
            found[mac] = heard
    return found


async def listen(rpc: Rpc, device: Device, seconds: float) -> list[Heard]:
    """The sensors heard within so many seconds from now, and shortly before; by MAC. Raises GatewayError."""
    if device.script is not None and device.script.running:
        return await _by_script(rpc, device.script.id, seconds)
    if device.paired:
        await asyncio.sleep(0)
        return _by_components(await components(rpc))
    if device.script is not None:
        raise GatewayError(f"{rpc.address}: our script is there but stopped; run setup, or check to see why")
    try:
        cached = await heard_by_relay(rpc)
    except RpcError as error:
        if error.code != NO_HANDLER:
            raise
        cached = {}
    if not cached:
        raise GatewayError(
            f"{rpc.address}: nothing there listens for sensors, neither our script nor its own; run setup"
        )
    return [
        Heard(mac, None, None, bool(data[0] & _ENCRYPTED) if data else None, data.hex())
        for mac, data in sorted(cached.items())
    ]


async def _by_script(rpc: Rpc, number: int, seconds: float) -> list[Heard]:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    found: dict[str, Heard] = {}
    while True:
        answer = await rpc.call("Script.Eval", {"id": number, "code": "lately()"})
        found |= parse_lately(str(answer.get("result")))
        left = end - loop.time()
        if left <= 0:
            return [found[mac] for mac in sorted(found)]
        await asyncio.sleep(min(_POLL, left))


def _by_components(held: tuple[dict[str, object], ...]) -> list[Heard]:
    found = []
    for each in held:
        status, config = each.get("status"), each.get("config")
        if str(each.get("key")).startswith("bthomedevice:") and isinstance(status, dict) and isinstance(config, dict):
            rssi = status.get("rssi")
            # `key` in the status of newer firmware, in the configuration of older: whether it was given one
            key = bool(status.get("key") or config.get("key"))
            bad = {"key_missing_or_bad", "decrypt_failed"} & set(status.get("errors") or [])
            found.append(
                Heard(str(config.get("addr")).lower(), rssi if isinstance(rssi, int) else None, None, key or bool(bad))
            )
    return sorted(found, key=lambda heard: heard.mac)
