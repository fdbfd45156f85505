"""Health, and what the page and the description are made of."""

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.services import Services


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
async def test_ready_says_why_not(client: httpx.AsyncClient, services: Services, prefix: str) -> None:
    for page in ("live", "ready", "startup"):
        assert (await client.get(f"{prefix}/health/{page}")).json() == {"status": "ok"}

    services.reader.problem = "broker does not answer"
    answer = await client.get(f"{prefix}/health/ready")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert answer.json()["detail"] == "broker does not answer"
    assert (await client.get(f"{prefix}/health/startup")).status_code == 200

    services.reader.loaded = False
    assert (await client.get(f"{prefix}/health/startup")).status_code == 503
    assert (await client.get(f"{prefix}/health/live")).status_code == 200


async def test_the_page_needs_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert '"/api/v1/sensors"' in answer.text
    assert "http://" not in answer.text
    assert "https://" not in answer.text


async def test_the_description_is_valid_openapi_3_1(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


async def test_every_operation_and_every_problem_is_described(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    v1 = {path.removeprefix("/api/v1") for path in paths if path.startswith("/api/v1")}
    sensors = ("/sensors", "/sensors/{sensor_id}", "/sensors/{sensor_id}/delivery", "/sensors/{sensor_id}/receptions")
    gateways = ("/gateways", "/gateways/{gateway_id}")
    health = {"/health/live", "/health/ready", "/health/startup"}
    assert v1 == {"/metrics", "/stream", *sensors, *gateways, "/data/{sensor_id}"} | health
    statuses = {path: set(item["get"]["responses"]) for path, item in paths.items()}
    assert statuses["/api/v1/sensors/{sensor_id}"] == {"200", "304", "404", "422", "500", "503"}
    assert statuses["/api/v1/data/{sensor_id}"] == {"200", "404", "406", "422", "500", "503"}
    assert statuses["/health/ready"] == {"200", "500", "503"}
    for item in paths.values():
        for status, response in item["get"]["responses"].items():
            assert response["description"]
            if status >= "400":
                problem = {"$ref": "#/components/schemas/Problem"}
                assert response["content"] == {"application/problem+json": {"schema": problem}}
    assert set(paths["/api/v1/data/{sensor_id}"]["get"]["responses"]["200"]["content"]) == {
        "application/json",
        "text/csv",
        "application/x-ndjson",
    }
