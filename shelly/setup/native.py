"""Native components: the gateway's own firmware decodes a sensor. Documented in gen2/DynamicComponents/BTHome."""

from typing import Any

from schemas.address import normalise_mac
from shelly.rpc.client import Rpc
from shelly.rpc.errors import EXISTS, GatewayError, RpcError
from shelly.setup.device import components

_LISTEN = 30  # seconds that the gateway looks for sensors; AddDevice waits until a packet is heard
_PATIENCE = 60.0
_MOST_PAGES = 50


async def pair(rpc: Rpc, mac: str) -> None:
    """Add the sensor and every quantity that the gateway has heard of it. Raises GatewayError."""
    await rpc.call("BTHome.StartDeviceDiscovery", {"duration": _LISTEN})  # the receiver sleeps until then
    number = await _device(rpc, mac)
    known = (await rpc.call("BTHomeDevice.GetKnownObjects", {"id": number})).get("objects") or []
    if not known:
        raise GatewayError(
            f"{rpc.address}: nothing that {mac} measures was heard; bring it nearer, or give the gateway its key in "
            "the Shelly app if it is encrypted, then run this again"
        )
    for each in known:
        if each.get("component") is None:
            config = {"addr": mac, "obj_id": each["obj_id"], "idx": each.get("idx", 0)}
            await _add(rpc, "BTHome.AddSensor", config)


async def heard_by_relay(rpc: Rpc) -> dict[str, bytes]:
    """The last service data of each sensor in the gateway's own cache, by MAC; empty bytes if it has none."""
    import base64
    import binascii

    found: dict[str, bytes] = {}
    offset = 0
    for _ in range(_MOST_PAGES):
        page = await rpc.call("BLE.CloudRelay.ListInfos", {"offset": offset})
        listed = [each for each in page.get("devices") or [] if isinstance(each, dict)]
        for mac, told in (item for each in listed for item in each.items()):
            data = (told.get("sdata") or {}).get("fcd2") if isinstance(told, dict) else None
            try:
                found[normalise_mac(mac)] = base64.b64decode(data or "")
            except (ValueError, binascii.Error):
                continue
        offset += len(listed)
        if not listed or offset >= int(page.get("total") or 0):
            break
    return found


async def _device(rpc: Rpc, mac: str) -> int:
    result = await _add(rpc, "BTHome.AddDevice", {"addr": mac})
    key = str(result.get("key") or "")
    if not key:  # it was there already
        for each in await components(rpc):
            if str((each.get("config") or {}).get("addr")).lower() == mac:
                key = str(each.get("key"))
                if key.startswith("bthomedevice:"):
                    break
    number = key.removeprefix("bthomedevice:")
    if not number.isdecimal():
        raise GatewayError(f"{rpc.address}: {mac} was not added; is it in reach? Press its button and run this again")
    return int(number)


async def _add(rpc: Rpc, method: str, config: dict[str, Any]) -> dict[str, Any]:
    """Add one component; an empty answer if it is there already."""
    try:
        return await rpc.call(method, {"config": config}, patience=_PATIENCE)
    except RpcError as error:
        if error.code != EXISTS:
            raise
        return {}
