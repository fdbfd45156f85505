"""API keys: who is let in, who is not, and that a key is nowhere but with whom it was given to."""

import asyncio
import dataclasses
import re
import stat
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from api.access import needed
from api.app import create_app, open_services
from api.services import Services
from api.settings import ApiSettings
from runtime.api_keys import InvalidApiKeys, Scope, create, read_keys, revoke
from runtime.page_keys import ApiKeyFile
from tests.api.conftest import until
from tests.api.fakes import NOW

PROBLEM = "application/problem+json"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "api-keys.json"


@pytest.fixture
def keys(path: Path) -> dict[Scope, str]:
    scopes: tuple[Scope, ...] = ("metrics", "read", "write")
    return {scope: create(path, scope, scope, NOW) for scope in scopes}


@pytest.fixture
async def guarded(services: Services, path: Path, keys: dict[Scope, str]) -> AsyncIterator[httpx.AsyncClient]:
    assert keys
    app = create_app(services.settings, dataclasses.replace(services, keys=ApiKeyFile(path)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://api") as client:
        yield client


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def test_every_documented_route_but_health_wants_a_key(guarded: httpx.AsyncClient) -> None:
    document = (await guarded.get("/openapi.json")).json()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    bodies = set()
    for template, operations in document["paths"].items():
        for method, operation in operations.items():
            url = re.sub(r"{\w+}", "7c:c6:b6:bd:4c:b5", template)
            answer = await guarded.request(method, url)
            assert (answer.status_code == 401) == ("/health/" not in template) == ("security" in operation), template
            if answer.status_code == 401:
                assert answer.headers["www-authenticate"] == 'Bearer realm="bluflow"'
                assert answer.headers["content-type"] == PROBLEM
                bodies.add(answer.json()["detail"])
    assert len(bodies) == 1


@pytest.mark.parametrize(
    ("scope", "method", "url", "status"),
    [
        ("metrics", "GET", "/metrics", 200),
        ("metrics", "GET", "/api/v1/metrics", 200),
        ("metrics", "GET", "/api/v1/sensors", 403),
        ("metrics", "POST", "/session", 403),
        ("read", "GET", "/api/v1/sensors", 200),
        ("read", "HEAD", "/api/v1/sensors", 200),
        ("read", "POST", "/api/v1/sensors", 403),
        ("write", "POST", "/api/v1/sensors", 405),  # let in, where nothing can be changed yet
    ],
)
async def test_a_key_may_what_its_scope_says(
    guarded: httpx.AsyncClient, keys: dict[Scope, str], scope: Scope, method: str, url: str, status: int
) -> None:
    answer = await guarded.request(method, url, headers=bearer(keys[scope]))
    assert answer.status_code == status
    if status == 403:
        assert answer.headers["content-type"] == PROBLEM
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


async def test_bad_attempts_look_alike_and_are_counted_by_reason(
    guarded: httpx.AsyncClient, keys: dict[Scope, str], path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = create(path, "old", "read", NOW - 2, NOW - 1)
    attempts: tuple[dict[str, str], ...] = ({}, {"Authorization": "Basic eDp5"}, bearer("bluflow_wrong"), bearer(old))
    answers = [await guarded.get("/api/v1/sensors", headers=one) for one in attempts]
    assert {(one.status_code, one.text) for one in answers} == {(401, answers[0].text)}
    assert (await guarded.get("/api/v1/sensors", headers=bearer(keys["metrics"]))).status_code == 403
    page = (await guarded.get("/metrics", headers=bearer(keys["metrics"]))).text
    for reason in ("missing", "malformed", "unknown", "expired", "scope"):
        assert f'bluflow_api_refused_total{{reason="{reason}"}} 1.0' in page
    assert not any(secret in page + caplog.text for secret in (*keys.values(), old, "bluflow_wrong"))


async def test_a_revoked_key_is_refused_from_the_next_request_on(
    guarded: httpx.AsyncClient, keys: dict[Scope, str], path: Path
) -> None:
    assert (await guarded.get("/api/v1/sensors", headers=bearer(keys["read"]))).status_code == 200
    revoke(path, "read")
    assert (await guarded.get("/api/v1/sensors", headers=bearer(keys["read"]))).status_code == 401


async def test_an_open_stream_ends_with_its_key(
    services: Services, guarded: httpx.AsyncClient, keys: dict[Scope, str], path: Path
) -> None:
    async with asyncio.timeout(15), asyncio.TaskGroup() as group:
        answer = group.create_task(guarded.get("/api/v1/stream", headers=bearer(keys["read"])))
        await until(lambda: len(services.changes) == 1)
        assert not answer.done()
        revoke(path, "read")
        services.changes.mark("sensor", "7c:c6:b6:bd:4c:b5")
    assert answer.result().status_code == 200
    assert "event: " not in answer.result().text, "what came after that was told"


async def test_the_page_signs_in_with_a_cookie_that_only_reads(
    guarded: httpx.AsyncClient, keys: dict[Scope, str]
) -> None:
    assert (await guarded.get("/")).status_code == 200
    answer = await guarded.post("/session", headers=bearer(keys["write"]))
    cookie = answer.headers["set-cookie"]
    assert answer.status_code == 204
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert (await guarded.get("/api/v1/sensors")).status_code == 200
    assert (await guarded.post("/api/v1/sensors")).status_code == 401
    await guarded.delete("/session")
    assert (await guarded.get("/api/v1/sensors")).status_code == 401


async def test_without_required_keys_nobody_is_asked_for_one(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/sensors")).status_code == 200
    operation = (await client.get("/openapi.json")).json()["paths"]["/api/v1/sensors"]["get"]
    assert "security" not in operation


@pytest.mark.parametrize(
    ("host", "mode", "required"),
    [
        ("127.0.0.1", "auto", False),
        ("::1", "auto", False),
        ("localhost", "auto", False),
        ("0.0.0.0", "auto", True),
        ("192.168.1.10", "auto", True),
        ("127.0.0.1", "required", True),
        ("0.0.0.0", "none", False),
    ],
)
def test_keys_are_required_beyond_loopback(host: str, mode: str, required: bool) -> None:
    assert ApiSettings.model_validate({"host": host, "keys": mode}).keys_required is required


def test_an_api_that_needs_keys_and_has_none_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidApiKeys, match=r"api-keys\.json: .*bluflow keys create --name page --scope read"):
        open_services(ApiSettings(data=tmp_path, keys="required"))


def test_the_file_holds_no_key_and_is_its_owner_s_alone(path: Path, keys: dict[Scope, str]) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not any(secret in path.read_text() for secret in keys.values())
    assert [key.name for key in read_keys(path)] == ["metrics", "read", "write"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": [{"name": "hush"}]}', '{"keys": ["hush"]}', '{"keys": 1}'])
def test_a_bad_file_is_one_line_that_quotes_nothing(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(InvalidApiKeys) as caught:
        read_keys(path)
    assert "hush" not in str(caught.value)


def test_a_name_is_given_once(path: Path, keys: dict[Scope, str]) -> None:
    assert keys
    with pytest.raises(InvalidApiKeys, match="there is a key read already"):
        create(path, "read", "write", NOW)


def test_what_is_open_says_nothing_of_the_house() -> None:
    open_paths = ("/", "/openapi.json", "/assets/1/main.js", "/health/ready", "/api/v1/health/live")
    assert [needed("GET", path) for path in open_paths] == [None] * 5
    assert needed("GET", "/anything/else") == "read"
    assert needed("DELETE", "/health/ready") == "write"


def test_keys_made_at_the_same_time_are_all_there(tmp_path: Path) -> None:
    """A revocation that another command overwrites would leave its key valid."""
    path, names = tmp_path / "keys.json", {f"k{number}" for number in range(16)}
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: create(path, name, "read", 1), names))
    assert {key.name for key in read_keys(path)} == names
