"""What a gateway is and how it is set, as it says itself."""

import time
from dataclasses import dataclass, field
from typing import Any

from shelly.rpc.client import Rpc
from shelly.rpc.errors import GatewayError, plain
from shelly.setup.script import NAME

_CODE_PIECE = 1024  # characters of a script in one answer
_MOST_PIECES = 64
_MOST_PAGES = 50


@dataclass(frozen=True)
class Identity:
    """What Shelly.GetDeviceInfo tells anybody. `generation` is 0 if it does not say."""

    id: str
    model: str
    generation: int
    firmware: str
    protected: bool

    @property
    def version(self) -> tuple[int, int, int] | None:
        """`1.6.2-beta1` -> (1, 6, 2); None if it is no version."""
        parts = self.firmware.split("-")[0].split(".")
        if len(parts) != 3 or not all(part.isdecimal() for part in parts):
            return None
        return int(parts[0]), int(parts[1]), int(parts[2])


@dataclass(frozen=True)
class Script:
    """Our script on the gateway: its code, whether it starts with the gateway, and its status."""

    id: int
    code: str
    enable: bool
    status: dict[str, Any] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        return self.status.get("running") is True


@dataclass(frozen=True)
class Device:
    """One gateway at one moment. `sys`, `ble` and `mqtt` are its configurations; `components` its native ones.

    `components`: key, status, config of each. `asked_at`: when it gave `sys_status`, in unix seconds of this machine.
    """

    identity: Identity
    methods: frozenset[str]
    sys: dict[str, Any]
    ble: dict[str, Any]
    mqtt: dict[str, Any]
    sys_status: dict[str, Any]
    mqtt_status: dict[str, Any]
    asked_at: float
    script: Script | None = None
    components: tuple[dict[str, Any], ...] = ()

    @property
    def paired(self) -> dict[str, dict[str, Any]]:
        """The native sensors by MAC."""
        devices = (each for each in self.components if str(each.get("key")).startswith("bthomedevice:"))
        return {str(each.get("config", {}).get("addr")).lower(): each for each in devices}


async def identify(rpc: Rpc) -> Identity:
    """Who answers there; this needs no password. Raises GatewayError."""
    info = await rpc.call("Shelly.GetDeviceInfo")
    generation = info.get("gen")
    if not isinstance(info.get("id"), str):
        raise GatewayError(f"{rpc.address}: what answers there does not say who it is; check the address")
    return Identity(
        plain(info["id"]),
        plain(info.get("model")),
        generation if isinstance(generation, int) else 0,
        plain(info.get("ver")),
        info.get("auth_en") is True,
    )


async def look(rpc: Rpc, identity: Identity, methods: frozenset[str]) -> Device:
    """Everything that setting up and checking asks for. Raises GatewayError."""
    before = time.time()
    status = await rpc.call("Sys.GetStatus")
    asked_at = (before + time.time()) / 2
    return Device(
        identity,
        methods,
        await rpc.call("Sys.GetConfig"),
        await rpc.call("BLE.GetConfig"),
        await rpc.call("MQTT.GetConfig"),
        status,
        await rpc.call("MQTT.GetStatus"),
        asked_at,
        await _script(rpc) if "Script.List" in methods else None,
        await components(rpc) if "BTHome.AddDevice" in methods else (),
    )


async def methods_of(rpc: Rpc) -> frozenset[str]:
    """Every RPC method that it has."""
    found = (await rpc.call("Shelly.ListMethods")).get("methods")
    return frozenset(str(method) for method in found) if isinstance(found, list) else frozenset()


async def components(rpc: Rpc) -> tuple[dict[str, Any], ...]:
    """The dynamic components, all pages."""
    found: list[dict[str, Any]] = []
    for _ in range(_MOST_PAGES):
        params = {"offset": len(found), "include": ["status", "config"], "dynamic_only": True}
        page = await rpc.call("Shelly.GetComponents", params)
        held = [each for each in page.get("components") or [] if isinstance(each, dict)]
        found += held
        if not held or len(found) >= int(page.get("total") or 0):
            break
    return tuple(found)


async def _script(rpc: Rpc) -> Script | None:
    scripts = (await rpc.call("Script.List")).get("scripts") or []
    ours = next((each for each in scripts if isinstance(each, dict) and each.get("name") == NAME), None)
    if ours is None:
        return None
    number = int(ours["id"])
    return Script(
        number, await _code(rpc, number), ours.get("enable") is True, await rpc.call("Script.GetStatus", {"id": number})
    )


async def _code(rpc: Rpc, number: int) -> str:
    code = ""
    for _ in range(_MOST_PIECES):
        piece = await rpc.call("Script.GetCode", {"id": number, "offset": len(code.encode()), "len": _CODE_PIECE})
        code += str(piece.get("data") or "")
        if not piece.get("data") or not piece.get("left"):
            break
    return code
