"""Every error is application/problem+json, whoever raised it."""

import logging

import httpx
import pytest

from api.app import create_app
from api.problems import Problem
from api.services import Services
from tests.api.fakes import SENSOR


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/api/v1/sensors/kitchen", 422, "not a MAC address: 'kitchen'"),
        ("/api/v1/data/kitchen", 422, "not a MAC address: 'kitchen'"),
        (f"/api/v1/sensors/{SENSOR}", 404, f"no sensor {SENSOR}"),
        (f"/api/v1/data/{SENSOR}", 404, f"no sensor {SENSOR}"),
        (f"/api/v1/data/{SENSOR}?from=2026-03-02&to=2026-03-01", 422, "from is not before to"),
        (f"/api/v1/data/{SENSOR}?from=2026-03-01&to=2026-03-01", 422, "from is not before to"),
        (f"/api/v1/data/{SENSOR}?from=2026-03-01T12:00:00", 422, "write 2026-03-01T12:00:00Z for UTC"),
        (f"/api/v1/data/{SENSOR}?from=2026-03-02", 422, "from lies in the future"),
        (f"/api/v1/data/{SENSOR}?step=2h", 422, "'raw', 'auto', '5m', '1h' or '1d'"),
        (f"/api/v1/data/{SENSOR}?format=xml", 422, "'json', 'csv' or 'ndjson'"),
        ("/api/v2/sensors", 404, "there is nothing at /api/v2/sensors"),
    ],
)
async def test_what_cannot_be_answered_is_a_problem(
    client: httpx.AsyncClient, path: str, status: int, says: str
) -> None:
    answer = await client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate(answer.json(), extra="forbid")
    assert (problem.status, problem.instance) == (status, path.partition("?")[0])
    assert says in problem.detail


async def test_every_bad_parameter_is_listed(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/data/x?from=a&to=b&format=c")
    assert [one["parameter"] for one in answer.json()["errors"]] == ["sensor_id", "from", "to", "format"]


async def test_a_wrong_order_names_its_parameter(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/api/v1/data/{SENSOR}?from=2026-03-02&to=2026-03-01")
    assert answer.json()["errors"] == [{"parameter": "from", "detail": "from is not before to"}]


async def test_no_format_of_ours(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/api/v1/data/{SENSOR}", headers={"Accept": "image/png"})
    assert (answer.status_code, answer.headers["content-type"]) == (406, "application/problem+json")


async def test_a_method_that_is_not_possible(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/api/v1/sensors")
    assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")
    assert answer.headers["allow"] == "GET, HEAD"
    assert answer.json()["title"] == "Method Not Allowed"


async def test_a_fault_shows_an_id_that_is_in_the_log_and_nothing_else(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(services.settings, services)

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError("secret")

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://api") as client:
        answer = await client.get("/broken")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in answer.text
    assert "ZeroDivision" not in answer.text
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert answer.json()["id"] in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError
