"""Gateways that announce themselves by mDNS are found: real announcements, on the loopback interface."""

import socket
from collections.abc import AsyncIterator

import pytest
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from shelly.rpc.discovery import SERVICE, ask, browse
from tests.shelly.gateways import Person
from tests.shelly.rpc_server import serving
from tests.shelly.stand_in_gateway import StandInGateway

LOOPBACK = ["127.0.0.1"]


@pytest.fixture
async def announced() -> AsyncIterator[tuple[StandInGateway, str]]:
    """A stand-in gateway that announces itself as gen2/General/mDNS says."""
    gateway = StandInGateway()
    with serving(gateway) as address:
        info = AsyncServiceInfo(
            SERVICE,
            f"{gateway.id}.{SERVICE}",
            addresses=[socket.inet_aton("127.0.0.1")],
            port=int(address.rpartition(":")[2]),
            properties={"gen": "2", "app": "Pro2", "ver": gateway.firmware},
            server=f"{gateway.id}.local.",
        )
        network = AsyncZeroconf(interfaces=LOOPBACK)
        await network.async_register_service(info)
        yield gateway, address
        await network.async_unregister_all_services()
        await network.async_close()


async def test_a_gateway_that_announces_itself_is_found(announced: tuple[StandInGateway, str]) -> None:
    gateway, address = announced
    for _ in range(10):  # one look may be too short on a busy machine
        found = await browse(1.0, LOOPBACK)
        if address in found:
            break
    assert address in found
    [asked] = await ask([address])
    assert asked.identity is not None
    assert (asked.identity.id, asked.trouble) == (gateway.id, None)


def test_a_network_without_gateways_is_one_line(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(seconds: float) -> list[str]:
        return []

    monkeypatch.setattr("shelly.rpc.discovery.browse", nobody)
    done = person.raw("discover")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "name addresses" in done.err
