"""What every answer has, whoever made it; and HEAD."""

import dataclasses

import httpx
import pytest

from api.app import create_app
from api.services import Services
from tests.api.conftest import until
from tests.api.fakes import GATEWAY, SENSOR, FakeHistory, gateway, latest
from tests.api.test_server import serving

PAGES = ("/", "/openapi.json", "/metrics", "/health/ready", "/api/v1/sensors", "/api/v1/gateways", "/no/such/page")


@pytest.mark.parametrize("path", PAGES)
async def test_every_answer_forbids_what_it_does_not_need(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    if path == "/":
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["base-uri"] == policy["form-action"] == "'none'"
        assert "unsafe" not in headers["content-security-policy"]


async def test_a_fault_has_them_too(services: Services) -> None:
    broken = dataclasses.replace(services, now=lambda: 1 // 0)
    app = create_app(services.settings, broken)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://api") as client:
        answer = await client.get("/api/v1/sensors")
        assert (answer.status_code, answer.headers["x-content-type-options"]) == (500, "nosniff")
        assert answer.headers["cache-control"] == "no-store"
        answer = await client.head("/api/v1/sensors")
        assert (answer.status_code, answer.content) == (500, b"")


@pytest.mark.parametrize(
    "path",
    [*PAGES, f"/api/v1/sensors/{SENSOR}", f"/api/v1/gateways/{GATEWAY}", f"/api/v1/data/{SENSOR}?format=csv"],
)
async def test_head_has_the_headers_of_get_and_no_body(services: Services, path: str) -> None:
    services.live.sensors.apply(SENSOR, latest())
    services.live.gateways.apply(GATEWAY, gateway())
    async with serving(services, FakeHistory(count=3)) as client:
        got, head = await client.get(path), await client.head(path)
        moving = {"date", "content-length"} if "metrics" in path else {"date"}
        assert head.content == b""
        assert head.status_code == got.status_code
        assert {k: v for k, v in head.headers.items() if k not in moving} == {
            k: v for k, v in got.headers.items() if k not in moving
        }


async def test_head_of_what_is_long_or_endless_ends_at_once(services: Services) -> None:
    history = FakeHistory(count=10**9)
    async with serving(services, history) as client:
        assert (await client.head(f"/api/v1/data/{SENSOR}")).status_code == 200
        assert history.left
        assert history.given == 1
        answer = await client.head("/api/v1/stream")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        await until(lambda: len(services.changes) == 0)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/api/v1/sensors?loction=Kitchen", "loction: unknown parameter; did you mean location?"),
        (f"/api/v1/data/{SENSOR}?From=2026-03-01", "From: unknown parameter; did you mean from?"),
        ("/api/v1/gateways?x", "x: unknown parameter; there is limit, cursor"),
        ("/api/v1/health/live?x=1", "x: unknown parameter; there is none here"),
    ],
)
async def test_a_misspelt_parameter_is_not_ignored(client: httpx.AsyncClient, path: str, says: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["detail"] == says
    assert answer.json()["errors"][0]["parameter"] == says.partition(":")[0]


async def test_the_description_may_be_kept(client: httpx.AsyncClient) -> None:
    assert (await client.get("/openapi.json")).headers["cache-control"] == "public, max-age=300"


async def test_nothing_of_ours_loads_from_elsewhere(client: httpx.AsyncClient) -> None:
    assert (await client.get("/docs")).status_code == 404
    assert (await client.get("/redoc")).status_code == 404


async def test_the_page_that_a_browser_kept_keeps_its_policy(client: httpx.AsyncClient) -> None:
    """A 304's headers replace those that the browser holds: another policy there would block the page's own files."""
    tag = (await client.get("/")).headers["etag"]
    answer = await client.get("/", headers={"If-None-Match": tag})
    assert answer.status_code == 304
    assert "content-security-policy" not in answer.headers
