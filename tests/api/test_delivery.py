"""GET /api/v1/sensors/{sensor_id}/delivery: where packets were lost."""

import dataclasses
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.services import Services
from history.sqlite import SqliteHistory
from schemas.delivery import HOUR_MS, Delivery
from tests.api.fakes import MINUTE, NOW, SENSOR, FakeHistory, latest, reading

DELIVERY = f"/api/v1/sensors/{SENSOR}/delivery"
NOON = NOW - NOW % HOUR_MS
FIRST, SECOND = NOON - 3 * HOUR_MS, NOON - 2 * HOUR_MS


@pytest.fixture
async def stored(services: Services) -> None:
    """Two hours: one in which the air lost five and the pipeline two, and one that is partly unknown."""
    assert isinstance(services.history, SqliteHistory)
    await services.history.write_deliveries(
        [
            Delivery(SENSOR, FIRST, 60, 55, {"attic": 40, "hall": 30}, 1, 0, True),
            Delivery(SENSOR, SECOND, 20, 20, {"hall": 20}, 1, 2_400_000, False),
        ]
    )
    times = [FIRST + each * MINUTE for each in range(53)] + [SECOND + each * MINUTE for each in range(21)]
    await services.history.write([reading(each) for each in (*times, FIRST - 1, NOON)])
    services.live.sensors.apply(SENSOR, latest())


def counts(*numbers: float, by: dict[str, int]) -> dict[str, Any]:
    names = ("expected", "heard", "stored", "lost_on_air", "lost_in_pipeline", "unknown_seconds")
    return dict(zip(names, numbers, strict=True)) | {"by_gateway": by}


@pytest.mark.usefixtures("stored")
async def test_hours_and_their_totals_tell_air_loss_from_pipeline_loss(client: httpx.AsyncClient) -> None:
    answer = await client.get(DELIVERY, params={"from": "2026-03-01T09:40:00Z"})
    assert answer.status_code == 200
    assert answer.json() == {
        "sensor": SENSOR,
        "from": "2026-03-01T09:00:00.000Z",
        "to": "2026-03-01T12:00:00.000Z",
        "totals": counts(80, 75, 74, 5, 2, 2400.0, by={"attic": 40, "hall": 50}),
        "hours": [
            {
                "start": "2026-03-01T09:00:00.000Z",
                "final": True,
                **counts(60, 55, 53, 5, 2, 0.0, by={"attic": 40, "hall": 30}),
            },
            # one came when the hour was over
            {"start": "2026-03-01T10:00:00.000Z", "final": False, **counts(20, 20, 21, 0, 0, 2400.0, by={"hall": 20})},
        ],
    }
    tag = {"If-None-Match": answer.headers["etag"]}
    again = await client.get(DELIVERY, params={"from": "2026-03-01T09:00:00Z"}, headers=tag)
    assert again.status_code == 304


@pytest.mark.usefixtures("stored")
async def test_hours_are_those_that_the_range_touches(client: httpx.AsyncClient) -> None:
    async def starts(start: str, end: str) -> list[str]:
        answer = await client.get(DELIVERY, params={"from": start, "to": end})
        return [each["start"][11:13] for each in answer.json()["hours"]]

    assert await starts("2026-03-01T09:59:59Z", "2026-03-01T10:00:00Z") == ["09"]
    assert await starts("2026-03-01T09:59:59Z", "2026-03-01T10:00:01Z") == ["09", "10"]
    assert await starts("2026-03-01T10:30:00Z", "2026-03-01T11:30:00Z") == ["10"]


async def test_a_sensor_of_which_nothing_is_told_yet_has_no_hours(
    client: httpx.AsyncClient, services: Services
) -> None:
    services.live.sensors.apply(SENSOR, latest())
    answer = (await client.get(DELIVERY)).json()
    assert (answer["hours"], answer["totals"]) == ([], counts(0, 0, 0, 0, 0, 0, by={}))


@pytest.mark.parametrize(
    ("path", "status", "parameter"),
    [
        (f"{DELIVERY}?from=2026-03-02&to=2026-03-01", 422, "from"),
        (f"{DELIVERY}?from=2025-03-01&to=2026-03-01", 422, "from"),
        (f"{DELIVERY}?from=yesterday", 422, "from"),
        (f"{DELIVERY}?form=2026-03-01", 422, "form"),
        ("/api/v1/sensors/nonsense/delivery", 422, "sensor_id"),
        ("/api/v1/sensors/7c:c6:b6:00:00:99/delivery", 404, None),
    ],
)
async def test_what_cannot_be_answered_is_a_problem(
    client: httpx.AsyncClient, path: str, status: int, parameter: str | None
) -> None:
    answer = await client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert [each["parameter"] for each in answer.json().get("errors", [])] == ([parameter] if parameter else [])


async def test_a_store_that_is_away_is_a_problem(services: Services) -> None:
    away = dataclasses.replace(services, history=FakeHistory(fails_at=0))
    transport = httpx.ASGITransport(app=create_app(away.settings, away))
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        answer = await client.get(DELIVERY)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
