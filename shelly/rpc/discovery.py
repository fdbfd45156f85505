"""Gateways in the local network: by mDNS (gen2/General/mDNS: service _shelly._tcp), or asked by their addresses."""

import asyncio
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from zeroconf import InterfaceChoice, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from shelly.rpc.client import Rpc, check_address
from shelly.rpc.errors import GatewayError, plain
from shelly.setup.device import Identity, identify

SERVICE = "_shelly._tcp.local."
_ASKED_AT_ONCE = 20
_RESOLVE_MS = 2000


@dataclass(frozen=True)
class Found:
    """One address, and who answers there or why nobody does."""

    address: str
    identity: Identity | None
    trouble: str | None = None


async def browse(seconds: float, interfaces: Iterable[str] | None = None) -> list[str]:
    """Addresses that announced themselves within so many seconds, in order. Raises GatewayError without a network."""
    names: set[str] = set()

    def noticed(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if state_change is not ServiceStateChange.Removed:
            names.add(name)

    try:
        network = AsyncZeroconf(interfaces=list(interfaces) if interfaces else InterfaceChoice.All)
    except OSError as error:
        raise GatewayError(f"mDNS does not work here ({error.strerror}): name the addresses instead") from error
    try:
        browser = AsyncServiceBrowser(network.zeroconf, SERVICE, handlers=[noticed])
        await asyncio.sleep(seconds)
        infos = [AsyncServiceInfo(SERVICE, name) for name in sorted(names)]
        resolved = await asyncio.gather(*(info.async_request(network.zeroconf, _RESOLVE_MS) for info in infos))
        await browser.async_cancel()
    finally:
        await network.async_close()
    return sorted({address for info, known in zip(infos, resolved, strict=True) if known for address in _address(info)})


async def ask(addresses: Iterable[str], *, patience: float = 5.0) -> list[Found]:
    """Who answers at each of them."""
    turn = asyncio.Semaphore(_ASKED_AT_ONCE)

    async def one(address: str) -> Found:
        async with turn:
            try:
                address = check_address(address)
                async with Rpc(address, patience=patience) as rpc:
                    return Found(address, await identify(rpc))
            except GatewayError as error:
                return Found(plain(address), None, str(error).removeprefix(f"{address}: "))

    return list(await asyncio.gather(*(one(address) for address in addresses)))


def _address(info: AsyncServiceInfo) -> list[str]:
    """The first IPv4 address of an announcement, with its port unless that is 80."""
    for text in info.parsed_addresses():
        if ipaddress.ip_address(text).version == 4:
            return [text if info.port in (80, None) else f"{text}:{info.port}"]
    return []
