"""GET /api/v1/sensors."""

import dataclasses
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.services import Services
from schemas.reading import Latest, Refused
from tests.api.conftest import register
from tests.api.fakes import GATEWAY, MINUTE, NOW, OTHER, SENSOR, gateway, latest

EXPECTED: dict[str, Any] = {
    "id": SENSOR,
    "name": None,
    "location": "unassigned",
    **dict.fromkeys(("room", "floor", "site")),
    "claimed": False,
    "freshness": "fresh",
    "cause": None,
    "freshness_since": "2026-03-01T11:59:47.600Z",
    "expected_interval_seconds": 60,
    "offsets": {},
    "limits": {},
    "out_of_limits": [],
    "last_seen": "2026-03-01T11:59:47.600Z",
    "age_seconds": 12.4,
    "measured_at": "2026-03-01T11:59:47.600Z",
    "time_source": "gateway",
    "values": {
        "battery": {"value": 100, "unit": "%", "measured_at": "2026-03-01T11:59:47.600Z"},
        "humidity": {"value": 63, "unit": "%", "measured_at": "2026-03-01T11:59:47.600Z"},
        "temperature": {"value": 22.3, "unit": "°C", "measured_at": "2026-03-01T11:59:47.600Z"},
    },
    "battery": 100,
    "rssi": -66,
    "gateway": GATEWAY,
    "packet_id": 78,
    "flags": [],
    "refused": None,
}


async def test_a_sensor_of_which_nothing_was_ever_read_is_listed_with_why(
    client: httpx.AsyncClient, services: Services
) -> None:
    refused = Refused(NOW - MINUTE, 3, "bindkey_missing")
    services.live.sensors.apply(SENSOR, Latest(SENSOR, 1, None, None, None, None, {}, 0, refused=refused))
    [listed] = (await client.get("/api/v1/sensors")).json()["sensors"]
    assert listed["refused"] == {"since": "2026-03-01T11:59:00.000Z", "times": 3, "reason": "bindkey_missing"}
    assert (listed["id"], listed["claimed"], listed["freshness"], listed["values"]) == (SENSOR, False, "lost", {})
    assert listed["measured_at"] is listed["gateway"] is listed["last_seen"] is None
    assert (await client.get(f"/api/v1/sensors/{SENSOR}")).json() == listed | {"receptions": []}


async def test_every_sensor_is_listed_sorted_by_id(client: httpx.AsyncClient, services: Services) -> None:
    services.live.sensors.apply(SENSOR, latest())
    services.live.sensors.apply(OTHER, latest(OTHER))
    answer = await client.get("/api/v1/sensors")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.json() == {"sensors": [EXPECTED | {"id": OTHER}, EXPECTED]}


async def test_what_was_refused_is_told_with_its_sensor(client: httpx.AsyncClient, services: Services) -> None:
    services.live.sensors.apply(SENSOR, latest(refused=Refused(NOW - 60_000, 12)))
    told = (await client.get(f"/api/v1/sensors/{SENSOR}")).json()["refused"]
    assert told == {"since": "2026-03-01T11:59:00.000Z", "times": 12, "reason": "plaintext_refused"}


async def test_nobody_yet_is_an_empty_list(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/sensors")).json() == {"sensors": []}


@pytest.mark.parametrize("written", [SENSOR, SENSOR.upper(), "7cc6b6bd4cb5", "7C-C6-B6-BD-4C-B5", "7CC6.B6BD.4CB5"])
async def test_one_sensor_however_its_address_is_written(
    client: httpx.AsyncClient, services: Services, written: str
) -> None:
    services.live.sensors.apply(SENSOR, latest())
    answer = await client.get(f"/api/v1/sensors/{written}")
    assert answer.json() == EXPECTED | {
        "receptions": [
            {"gateway": GATEWAY, "rssi": -66, "last_heard": "2026-03-01T11:59:47.600Z", "copies": 3},
            {"gateway": "attic", "rssi": -90, "last_heard": "2026-03-01T11:59:42.600Z", "copies": 1},
        ]
    }


async def test_a_silent_sensor_is_answered_with_its_age(client: httpx.AsyncClient, services: Services) -> None:
    services.live.sensors.apply(SENSOR, latest(seen=NOW - 40 * 86_400_000))
    answer = await client.get(f"/api/v1/sensors/{SENSOR}")
    assert answer.status_code == 200
    assert answer.json()["age_seconds"] == 40 * 86_400


async def test_a_sensor_that_was_never_live_has_no_age(client: httpx.AsyncClient, services: Services) -> None:
    services.live.sensors.apply(SENSOR, latest(seen=None))
    answer = (await client.get(f"/api/v1/sensors/{SENSOR}")).json()
    assert (answer["last_seen"], answer["age_seconds"]) == (None, None)


async def test_nothing_was_seen_in_the_future(client: httpx.AsyncClient, services: Services) -> None:
    services.live.sensors.apply(SENSOR, latest(seen=NOW + 5_000))
    assert (await client.get(f"/api/v1/sensors/{SENSOR}")).json()["age_seconds"] == 0


async def test_no_value_can_make_the_answer_something_else_than_json(
    client: httpx.AsyncClient, services: Services
) -> None:
    odd = {
        "temperature": float("nan"),
        "pressure": [float("inf"), 1],
        "button": {"event": "press", "raw": 1},
        "door": True,
        "text": "</script>",
    }
    services.live.sensors.apply(SENSOR, latest(values=odd, measured_at=10**18))
    answer = await client.get("/api/v1/sensors")
    assert "NaN" not in answer.text
    assert "Infinity" not in answer.text
    values = answer.json()["sensors"][0]["values"]
    assert {name: values[name]["value"] for name in odd} == odd | {"temperature": None, "pressure": [None, 1]}
    assert (values["pressure"]["unit"], values["button"]["unit"]) == ("hPa", None)
    assert answer.json()["sensors"][0]["measured_at"] == "9999-12-31T23:59:59.999Z"


async def test_a_sensor_is_not_called_unknown_before_the_topic_was_read(
    client: httpx.AsyncClient, services: Services
) -> None:
    services.reader.loaded, services.reader.problem = False, "latest has not been read yet"
    answer = await client.get(f"/api/v1/sensors/{SENSOR}")
    assert answer.status_code == 503
    assert "latest has not been read yet" in answer.json()["detail"]


async def test_registered_and_never_heard_is_listed_as_lost(client: httpx.AsyncClient, services: Services) -> None:
    register(services, f"  {SENSOR}: {{name: Fridge, location: Kitchen, limits: {{temperature: [2, null]}}}}\n")
    expected = dict.fromkeys(EXPECTED) | {
        "id": SENSOR,
        "name": "Fridge",
        "location": "Kitchen",
        "room": "Kitchen",
        "claimed": True,
        "freshness": "lost",
        "cause": "sensor",
        "expected_interval_seconds": 60,
        "values": {},
        "offsets": {},
        "limits": {"temperature": {"low": 2, "high": None}},
        "out_of_limits": [],
        "flags": [],
    }
    assert (await client.get("/api/v1/sensors")).json() == {"sensors": [expected]}
    assert (await client.get(f"/api/v1/sensors/{SENSOR}/receptions")).json() == {"receptions": []}


async def test_what_the_registry_says_stands_beside_what_was_heard(
    client: httpx.AsyncClient, services: Services
) -> None:
    register(
        services,
        f"  {SENSOR}:\n"
        "    name: Fridge\n"
        "    location: [{from: 2026-01-01, location: Cellar}, {from: 2027-01-01, location: Attic}]\n"
        "    expected_interval: 3\n"
        "    limits: {temperature: [2, 8], humidity: [null, 70], battery: [10, null], co2: [1, 2]}\n",
    )
    services.live.sensors.apply(SENSOR, latest(values={"battery": [50, 9]}))
    found = (await client.get(f"/api/v1/sensors/{SENSOR}")).json()
    told = {name: found[name] for name in ("name", "location", "freshness", "expected_interval_seconds")}
    assert told == {"name": "Fridge", "location": "Cellar", "freshness": "late", "expected_interval_seconds": 3}
    assert found["out_of_limits"] == ["battery", "temperature"]


@pytest.mark.parametrize(("value", "outside"), [(2, False), (8, False), (1.99, True), (8.01, True), ("?", False)])
async def test_ends_of_a_limit_are_in_order(
    client: httpx.AsyncClient, services: Services, value: object, outside: bool
) -> None:
    register(services, f"  {SENSOR}: {{limits: {{temperature: [2, 8]}}}}\n")
    services.live.sensors.apply(SENSOR, latest(values={"temperature": value}))
    found = (await client.get(f"/api/v1/sensors/{SENSOR}")).json()
    assert found["out_of_limits"] == (["temperature"] if outside else [])


@pytest.fixture
def several(services: Services) -> list[str]:
    """Five sensors, the last one unclaimed; 0 and 4 are fresh, 1 is late, 2 stale, 3 lost."""
    ids = [f"7c:c6:b6:00:00:{number:02}" for number in range(5)]
    for id, minutes in zip(ids, (0, 3, 5, 60, 0), strict=True):
        services.live.sensors.apply(id, latest(id, seen=NOW - minutes * MINUTE))
    rooms = ("Kitchen", "Kitchen", "Cellar", "Attic")
    register(services, "".join(f"  {id}: {{location: {room}}}\n" for id, room in zip(ids, rooms, strict=False)))
    return ids


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("location=Kitchen", [0, 1]),
        ("location=Kitchen&location=Attic", [0, 1, 3]),
        ("location=unassigned", [4]),
        ("location=Nowhere", []),
        ("freshness=late&freshness=lost", [1, 3]),
        ("location=Kitchen&freshness=fresh", [0]),
    ],
)
async def test_filters(client: httpx.AsyncClient, several: list[str], query: str, found: list[int]) -> None:
    answer = (await client.get(f"/api/v1/sensors?{query}")).json()
    assert [one["id"] for one in answer["sensors"]] == [several[number] for number in found]


async def test_pages_hold_everyone_once_and_keep_the_filter(client: httpx.AsyncClient, several: list[str]) -> None:
    url: str | None = "/api/v1/sensors?limit=2&freshness=fresh&freshness=late&freshness=stale"
    pages = []
    while url:
        answer = await client.get(url)
        pages.append([one["id"] for one in answer.json()["sensors"]])
        url = answer.links.get("next", {}).get("url")
    assert pages == [[several[0], several[1]], [several[2], several[4]]]


async def test_a_cursor_goes_on_after_a_sensor_that_is_gone(client: httpx.AsyncClient, services: Services) -> None:
    services.live.sensors.apply(SENSOR, latest())
    services.live.sensors.apply(OTHER, latest(OTHER))
    answer = await client.get("/api/v1/sensors?limit=1")
    services.live.sensors.apply(OTHER, None)
    rest = await client.get(answer.links["next"]["url"])
    assert [one["id"] for one in rest.json()["sensors"]] == [SENSOR]


@pytest.mark.parametrize("query", ["cursor=!", "cursor=_w", "limit=0", "limit=10001", "freshness=rotten"])
async def test_what_is_no_page_is_refused(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/api/v1/sensors?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == query.partition("=")[0]


async def test_the_etag_is_of_the_content_but_not_of_ages(services: Services) -> None:
    clock = NOW
    app = create_app(services.settings, dataclasses.replace(services, now=lambda: clock))
    services.live.sensors.apply(SENSOR, latest())
    services.live.gateways.apply(GATEWAY, gateway())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://api") as client:
        for path in ("sensors", f"sensors/{SENSOR}", "gateways", f"gateways/{GATEWAY}"):
            clock = NOW
            first = await client.get(f"/api/v1/{path}")
            clock += 1000
            second = await client.get(f"/api/v1/{path}")
            assert first.json() != second.json()
            assert first.headers["etag"] == second.headers["etag"]
            held = {"If-None-Match": f'"other", {first.headers["etag"]}'}
            same = await client.get(f"/api/v1/{path}", headers=held)
            assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first.headers["etag"])
            clock += 10 * MINUTE
            changed = await client.get(f"/api/v1/{path}", headers=held)
            assert changed.status_code == 200
            assert changed.headers["etag"] != first.headers["etag"]


async def test_receptions(client: httpx.AsyncClient, services: Services) -> None:
    services.live.sensors.apply(SENSOR, latest())
    detail = (await client.get(f"/api/v1/sensors/{SENSOR}")).json()
    answer = await client.get(f"/api/v1/sensors/{SENSOR}/receptions")
    assert answer.json() == {"receptions": detail["receptions"]}
    assert answer.headers["etag"]
    assert (await client.get(f"/api/v1/sensors/{OTHER}/receptions")).status_code == 404
