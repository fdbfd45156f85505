"""Doing the steps, and the reboot."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from shelly.rpc.client import Rpc
from shelly.rpc.errors import GatewayError
from shelly.setup.check import Finding, findings
from shelly.setup.device import Device, look
from shelly.setup.native import pair
from shelly.setup.plan import NEW_SCRIPT, Step

_POLL = 1.0  # seconds
_BOOT = 90.0  # seconds until a gateway must have come back
_SETTLE = 45.0  # seconds until it must have its time, its MQTT broker and its script


async def apply(rpc: Rpc, steps: Sequence[Step], tell: Callable[[str], None]) -> None:
    """Do them in their order, each told when it is done. Raises GatewayError; the steps before it are done then."""
    made: int | None = None
    for step in steps:
        for call in step.calls:
            params = {**call.params, "id": made} if call.params.get("id") == NEW_SCRIPT else call.params
            result = await rpc.call(call.method, params)
            if call.method == "Script.Create":
                made = result.get("id")
        if step.pair:
            await pair(rpc, step.pair)
        tell(f"done: {step.title}")


async def needs_reboot(rpc: Rpc) -> bool:
    """Whether the gateway waits for a reboot to use what was set."""
    return (await rpc.call("Sys.GetStatus")).get("restart_required") is True


async def reboot(rpc: Rpc) -> None:
    """Reboot it and wait until it is back. Raises GatewayError."""
    before = await _uptime(rpc)
    await rpc.call("Shelly.Reboot", {"delay_ms": 500})

    async def is_back() -> bool:
        try:
            return await _uptime(rpc) < before
        except GatewayError:
            return False

    if not await _until(is_back, _BOOT):
        raise GatewayError(f"{rpc.address}: it has not come back after its reboot; look at it, then run this again")


async def settled(rpc: Rpc, device: Device, code: str, *, wait: bool) -> list[Finding]:
    """What is wrong with it now; with `wait`, once nothing serious is, or no longer can be expected to pass."""

    async def found() -> list[Finding]:
        now = await look(rpc, device.identity, device.methods)
        return findings(now, code, any_firmware=True)  # who set it up has judged the firmware

    async def is_well() -> bool:
        try:
            return not any(finding.serious for finding in await found())
        except GatewayError:  # it may still be starting
            return False

    if wait:
        await _until(is_well, _SETTLE)
    return await found()


async def _uptime(rpc: Rpc) -> float:
    uptime = (await rpc.call("Sys.GetStatus", patience=3.0)).get("uptime")
    return uptime if isinstance(uptime, (int, float)) else 0.0


async def _until(condition: Callable[[], Awaitable[bool]], seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not await condition():
        if loop.time() >= deadline:
            return False
        await asyncio.sleep(_POLL)
    return True
