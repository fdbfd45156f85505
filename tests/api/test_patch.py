"""PATCH of a sensor: a JSON merge patch onto what people say of it."""

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import create_app, open_services
from api.patch import MERGE_PATCH, merged, patched
from api.problems import ProblemRaised
from api.services import Services
from api.settings import ApiSettings
from runtime.api_keys import create
from runtime.page_keys import ApiKeyFile
from runtime.registry import read_told
from schemas.registry import Entry, Limit, Offset, Placement
from schemas.topics import SENSORS
from tests.api.conftest import register
from tests.api.fakes import NOW, OTHER, SENSOR, latest

URL = f"/api/v1/sensors/{SENSOR}"
HEADERS = {"Content-Type": MERGE_PATCH}
WHOLE = Entry(
    SENSOR,
    "Fridge",
    (Placement(100, "Kitchen", "1"),),
    90_000,
    {"temperature": Limit(2, 8)},
    {"temperature": (Offset(100, -0.3),)},
)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ],
)
def test_a_merge_is_as_the_standard_has_it(target: Any, patch: Any, result: Any) -> None:
    """Cases of RFC 7396, appendix A."""
    assert merged(target, patch) == result


@pytest.mark.parametrize(
    ("patch", "changes"),
    [
        ({}, {}),
        ({"name": " Ice "}, {"name": "Ice"}),
        ({"name": None}, {"name": None}),
        ({"expected_interval_seconds": 1.5}, {"interval_ms": 1500}),
        ({"expected_interval_seconds": None}, {"interval_ms": 60_000}),
        ({"room": "Hall"}, {"placements": (*WHOLE.placements, Placement(200, "Hall", "1"))}),
        ({"room": None, "floor": None}, {"placements": (*WHOLE.placements, Placement(200))}),
        ({"room": "Kitchen"}, {}),
        ({"limits": {"temperature": {"high": 9}}}, {"limits": {"temperature": Limit(2, 9)}}),
        ({"limits": {"temperature": {"low": None}}}, {"limits": {"temperature": Limit(None, 8)}}),
        ({"limits": {"temperature": None, "humidity": {"high": 70}}}, {"limits": {"humidity": Limit(None, 70)}}),
        ({"limits": None}, {"limits": {}}),
        ({"offsets": {"temperature": 1}}, {"offsets": {"temperature": (Offset(100, -0.3), Offset(200, 1))}}),
        ({"offsets": None}, {"offsets": {"temperature": (Offset(100, -0.3), Offset(200, 0))}}),
        (
            {"offsets": {"humidity": 2}},
            {"offsets": {"temperature": (Offset(100, -0.3),), "humidity": (Offset(200, 2),)}},
        ),
    ],
)
def test_what_a_patch_makes_of_an_entry(patch: dict[str, Any], changes: dict[str, Any]) -> None:
    expected = {name: getattr(WHOLE, name) for name in WHOLE.__struct_fields__} | changes
    assert patched(WHOLE, patch, 200) == Entry(**expected)


@pytest.mark.parametrize(
    ("patch", "member", "words"),
    [
        ([], "body", "dictionary"),
        ({"location": "Kitchen"}, "location", "not permitted"),
        ({"values": {}}, "values", "not permitted"),
        ({"name": 5}, "name", "string"),
        ({"name": "  "}, "name", "at least 1 character"),
        ({"room": "a\nb"}, "room", "cannot be shown"),
        ({"expected_interval_seconds": 0}, "expected_interval_seconds", "greater than or equal to 1"),
        ({"expected_interval_seconds": True}, "expected_interval_seconds", "number"),
        ({"limits": {"temperature": {"low": 9}}}, "limits.temperature", "low end is above the high one"),
        ({"limits": {"humidity": {}}}, "limits.humidity", "neither a low nor a high end"),
        ({"limits": {"Temperature": None}}, "limits.Temperature", "pattern"),
        ({"offsets": {"temperature": "much"}}, "offsets.temperature", "number"),
        ({"offsets": {"temperature": 1e7}}, "offsets.temperature", "1000000"),
    ],
)
def test_what_cannot_be_used_is_named(patch: object, member: str, words: str) -> None:
    with pytest.raises(ProblemRaised) as refused:
        patched(WHOLE, patch, 200)
    assert (refused.value.status, words in str(refused.value)) == (422, True), str(refused.value)
    assert (refused.value.errors or [])[0].parameter.startswith(member)


async def test_a_sensor_is_named_placed_and_corrected(client: httpx.AsyncClient, services: Services) -> None:
    services.live.sensors.apply(SENSOR, latest())
    register(services, f"  {SENSOR}: {{location: Cellar, limits: {{temperature: [2, 8]}}}}\n")
    patch = {"name": "Fridge", "room": "Kitchen", "site": "Home", "offsets": {"temperature": -0.3}}
    answer = await client.patch(URL, json=patch, headers=HEADERS, params={"since": "2026-03-01"})
    told = answer.json()
    assert (answer.status_code, told) == (200, (await client.get(URL)).json())
    assert {name: told[name] for name in ("name", "location", "room", "floor", "site", "offsets", "limits")} == {
        "name": "Fridge",
        "location": "Home/Kitchen",
        "room": "Kitchen",
        "floor": None,
        "site": "Home",
        "offsets": {"temperature": -0.3},
        "limits": {"temperature": {"low": 2, "high": 8}},
    }
    noon = NOW // 86_400_000 * 86_400_000
    assert services.live.registry.location(SENSOR, noon - 1) == "Cellar"
    assert services.live.registry.location(SENSOR, noon) == "Home/Kitchen"
    await client.patch(URL, json={"offsets": None}, headers=HEADERS)
    assert services.live.registry.entry(SENSOR).offsets == {"temperature": (Offset(noon, -0.3), Offset(NOW, 0))}


async def test_a_new_offset_shows_at_once_everywhere_and_adds_up_with_no_older_one(
    client: httpx.AsyncClient, services: Services
) -> None:
    """The newest reading was corrected by 1 °C when it was made: it said 22.3."""
    services.live.sensors.apply(SENSOR, latest(values={"temperature": 23.3}, measured={"temperature": 22.3}))
    register(services, f"  {SENSOR}: {{limits: {{temperature: [2, 22]}}, offsets: {{temperature: 1}}}}\n")

    async def shown() -> tuple[object, object, bool]:
        told = (await client.get(URL)).json()
        [line] = [line for line in (await client.get("/metrics")).text.splitlines() if "temperature_celsius{" in line]
        [listed] = (await client.get("/api/v1/sensors")).json()["sensors"]
        assert listed["values"] == told["values"]
        return told["values"]["temperature"]["value"], float(line.split()[1]), bool(told["out_of_limits"])

    assert await shown() == (23.3, 23.3, True)
    await client.patch(URL, json={"offsets": {"temperature": -0.5}}, headers=HEADERS)
    assert await shown() == (21.8, 21.8, False)
    await client.patch(URL, json={"offsets": None}, headers=HEADERS)
    assert await shown() == (22.3, 22.3, True)


@pytest.mark.parametrize(
    ("url", "headers", "body", "status", "words"),
    [
        (f"/api/v1/sensors/{OTHER}", HEADERS, b"{}", 404, "no sensor"),
        ("/api/v1/sensors/fridge", HEADERS, b"{}", 422, "not a MAC address"),
        (URL, {"Content-Type": "application/json"}, b"{}", 415, MERGE_PATCH),
        (URL, {}, b"{}", 415, MERGE_PATCH),
        (URL, HEADERS, b"{", 400, "not JSON"),
        (URL, HEADERS, b'{"name": NaN}', 400, "not JSON"),
        (URL, HEADERS, b"[" * 10_000, 400, "not JSON"),
        (URL, HEADERS, b" " * 70_000, 413, "more than 65536 bytes"),
        (URL, HEADERS, b'{"name": ""}', 422, "name: "),
        (f"{URL}?since=1969-01-01", HEADERS, b"{}", 422, "before 1970"),
        (f"{URL}?since=soon", HEADERS, b"{}", 422, "not an RFC 3339 time"),
    ],
)
async def test_what_is_refused_is_a_problem(
    client: httpx.AsyncClient,
    services: Services,
    url: str,
    headers: dict[str, str],
    body: bytes,
    status: int,
    words: str,
) -> None:
    services.live.sensors.apply(SENSOR, latest())
    answer = await client.patch(url, content=body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert words in answer.json()["detail"]
    if status == 415:
        assert answer.headers["accept-patch"] == MERGE_PATCH


async def test_what_a_sensor_can_be_asked_is_told(client: httpx.AsyncClient) -> None:
    answer = await client.post(URL)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, PATCH")
    assert (await client.post("/api/v1/sensors")).headers["allow"] == "GET, HEAD"


async def test_it_needs_a_key_that_may_write(services: Services, tmp_path: Path) -> None:
    path = tmp_path / "api-keys.json"
    secrets = {scope: create(path, scope, scope, NOW) for scope in ("read", "write")}
    services.live.sensors.apply(SENSOR, latest())
    app = create_app(services.settings, dataclasses.replace(services, keys=ApiKeyFile(path)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://api") as client:
        found = {}
        for scope, secret in secrets.items():
            headers = HEADERS | {"Authorization": f"Bearer {secret}"}
            found[scope] = (await client.patch(URL, json={"name": scope}, headers=headers)).status_code
        found["cookie"] = (
            await client.patch(URL, json={}, headers=HEADERS | {"Cookie": f"bluflow_key={secrets['write']}"})
        ).status_code
    assert found == {"read": 403, "write": 200, "cookie": 401}


async def test_it_is_in_the_topic_and_shown_when_it_is_answered(kafka: str, topics: str, tmp_path: Path) -> None:
    settings = ApiSettings(broker=kafka, topic_prefix=topics, data=tmp_path, sensors_file=tmp_path / "sensors.yaml")
    (tmp_path / "sensors.yaml").write_text(f"sensors:\n  {SENSOR}: {{location: Cellar}}\n")
    services = open_services(settings)
    following = asyncio.create_task(services.registry.run())
    app = create_app(settings, services)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://api") as client:
        await services.registry.loaded.wait()
        answer = await client.patch(URL, json={"name": "Fridge"}, headers=HEADERS)
        assert (answer.status_code, answer.json()["name"], answer.json()["location"]) == (200, "Fridge", "Cellar")
        told = (await read_told(kafka, settings.topic(SENSORS)))[SENSOR]
        assert (told.name, told.placements, told.revision) == ("Fridge", (Placement(0, "Cellar"),), 1)
    following.cancel()
    await asyncio.wait([following])
    await services.history.close()


async def test_a_broker_that_is_away_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "sensors.yaml").write_text(f"sensors:\n  {SENSOR}: {{name: Fridge}}\n")
    settings = ApiSettings(broker="127.0.0.1:1", data=tmp_path, sensors_file=tmp_path / "sensors.yaml")
    services = open_services(settings)
    transport = httpx.ASGITransport(app=create_app(settings, services))
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        answer = await client.patch(URL, json={"name": "Ice"}, headers=HEADERS)
    assert (answer.status_code, "the registry cannot be written now" in answer.json()["detail"]) == (503, True)
    await services.history.close()
