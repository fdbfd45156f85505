"""The health page: what is wrong is said, also by a check that knows no word for it; metrics are not for everyone."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from runtime.api_keys import Scope, create, revoke
from runtime.health import health_page
from runtime.page_keys import ApiKeyFile


@pytest.mark.parametrize(
    ("problem", "answer"),
    [
        (None, (200, {"status": "ok"})),
        ("Kafka is away", (503, {"status": "fail", "cause": "Kafka is away"})),
        ("", (503, {"status": "fail", "cause": "no cause given"})),
    ],
)
async def test_ready_says_what_is_wrong(
    free_port: Callable[[], int], problem: str | None, answer: tuple[int, dict[str, str]]
) -> None:
    port = free_port()
    async with health_page("127.0.0.1", port, ready=lambda: problem), aiohttp.ClientSession() as session:
        for page, expected in (("ready", answer), ("startup", answer), ("live", (200, {"status": "ok"}))):
            async with session.get(f"http://127.0.0.1:{port}/health/{page}") as response:
                assert (response.status, await response.json()) == expected


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "api-keys.json"


async def asked(port: int, page: str, header: str = "") -> tuple[int, str, str]:
    """Status, type and body of what is answered to whoever sends that Authorization."""
    headers = {"Authorization": header} if header else {}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{page}", headers=headers) as response,
    ):
        return response.status, response.headers["Content-Type"], await response.text()


async def test_metrics_are_for_whoever_has_a_key_and_health_is_for_everyone(
    free_port: Callable[[], int], path: Path
) -> None:
    port, now = free_port(), time.time_ns() // 1_000_000
    scopes: tuple[Scope, ...] = ("metrics", "read")
    keys = [create(path, scope, scope, now) for scope in scopes]
    old = create(path, "old", "metrics", now - 2, now - 1)
    async with health_page("127.0.0.1", port, ready=lambda: None, keys=ApiKeyFile(path)):
        for key in keys:
            status, _, text = await asked(port, "/metrics", f"Bearer {key}")
            assert (status, "python_info" in text) == (200, True)
        refused = [await asked(port, "/metrics", header) for header in ("", "Basic eDp5", "Bearer x", f"Bearer {old}")]
        assert [await asked(port, f"/health/{name}") for name in ("live", "ready", "startup")] == [
            (200, "application/json; charset=utf-8", '{"status": "ok"}')
        ] * 3
        revoke(path, "metrics")
        assert (await asked(port, "/metrics", f"Bearer {keys[0]}"))[0] == 401
    [(status, kind, body)] = set(refused)
    assert (status, kind) == (401, "application/problem+json")
    assert json.loads(body).keys() == {"type", "title", "status", "detail", "instance"}


async def test_where_there_is_no_key_yet_nobody_is_let_in_until_there_is_one(
    free_port: Callable[[], int], path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    async with health_page("127.0.0.1", port, ready=lambda: None, keys=ApiKeyFile(path, absent=())):
        assert (await asked(port, "/metrics"))[0] == 401
        assert (await asked(port, "/health/ready"))[0] == 200
        key = create(path, "prometheus", "metrics", 1)
        assert (await asked(port, "/metrics", f"Bearer {key}"))[0] == 200
        path.write_text("broken")
        assert (await asked(port, "/metrics", f"Bearer {key}"))[0] == 200
    said = [record.getMessage() for record in caplog.records]
    assert f"{path} holds no key, so /metrics lets nobody in: bluflow keys create" in said[0]
    assert said[1:] == [
        f"{path}: not a file of API keys as `bluflow keys create` writes it; the keys stay as they were"
    ]


async def test_without_keys_metrics_are_open(free_port: Callable[[], int]) -> None:
    port = free_port()
    async with health_page("127.0.0.1", port, ready=lambda: None):
        assert (await asked(port, "/metrics"))[0] == 200
