"""GET /api/v1/gateways."""

from typing import Any

import httpx

from api.services import Services
from schemas.gateway import Heartbeat
from tests.api.fakes import GATEWAY, MINUTE, NOW, SENSOR, gateway, latest

EXPECTED: dict[str, Any] = {
    "id": GATEWAY,
    "prefix": GATEWAY,
    "online": None,
    "silent": False,
    "silent_since": None,
    "last_frame": "2026-03-01T11:59:56.800Z",
    "age_seconds": 3.2,
    "skew_seconds": None,
    "reboots": 0,
    "frames": 7,
    "heartbeat": None,
    "stopped_scripts": {},
    "alarms": {},
    "flags": [],
    "sensors": 1,
}


async def test_every_gateway_is_listed_sorted_by_prefix(client: httpx.AsyncClient, services: Services) -> None:
    services.live.sensors.apply(SENSOR, latest())
    services.live.gateways.apply(GATEWAY, gateway())
    services.live.gateways.apply("attic", gateway("attic", gateway="shellyplus1-1"))
    answer = await client.get("/api/v1/gateways")
    assert answer.headers["cache-control"] == "no-cache"
    attic = EXPECTED | {"id": "shellyplus1-1", "prefix": "attic", "sensors": 0}
    assert answer.json() == {"gateways": [attic, EXPECTED]}


async def test_nobody_yet_is_an_empty_list(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/gateways")).json() == {"gateways": []}


async def test_all_that_is_known_of_one(client: httpx.AsyncClient, services: Services) -> None:
    facts: dict[str, Any] = {
        "online": False,
        "silent_since": NOW - 5 * MINUTE,
        "last_frame": NOW - 5 * MINUTE,
        "skew_ms": -1_500,
        "reboots": 2,
        "heartbeat": Heartbeat(NOW - 6 * MINUTE, 86_400, 100, 99, 1, None),
        "stopped_scripts": {"script:1": "stopped"},
        "alarms": {"bthomedevice:200": "key_missing_or_bad"},
        "flags": ("identity_changed",),
    }
    services.live.gateways.apply("home/attic", gateway("home/attic", gateway="attic", **facts))
    expected = EXPECTED | {
        "id": "attic",
        "prefix": "home/attic",
        "online": False,
        "silent": True,
        "silent_since": "2026-03-01T11:55:00.000Z",
        "last_frame": "2026-03-01T11:55:00.000Z",
        "age_seconds": 300,
        "skew_seconds": -1.5,
        "reboots": 2,
        "heartbeat": {
            "at": "2026-03-01T11:54:00.000Z",
            "uptime_seconds": 86_400,
            "heard": 100,
            "sent": 99,
            "dropped": 1,
            "memory_bytes": None,
        },
        "stopped_scripts": {"script:1": "stopped"},
        "alarms": {"bthomedevice:200": "key_missing_or_bad"},
        "flags": ["identity_changed"],
        "sensors": 0,
    }
    for name in ("attic", "home/attic", "home%2Fattic"):
        assert (await client.get(f"/api/v1/gateways/{name}")).json() == expected


async def test_an_unknown_one_is_not_found_unless_it_cannot_be_told_yet(
    client: httpx.AsyncClient, services: Services
) -> None:
    assert (await client.get("/api/v1/gateways/attic")).status_code == 404
    services.reader.loaded, services.reader.problem = False, "gateways not read yet"
    answer = await client.get("/api/v1/gateways/attic")
    assert (answer.status_code, "not read yet" in answer.json()["detail"]) == (503, True)


async def test_page_by_page(client: httpx.AsyncClient, services: Services) -> None:
    for name in "abc":
        services.live.gateways.apply(name, gateway(name))
    first = await client.get("/api/v1/gateways?limit=2")
    second = await client.get(first.links["next"]["url"])
    assert [one["id"] for one in (*first.json()["gateways"], *second.json()["gateways"])] == ["a", "b", "c"]
    assert "next" not in second.links
