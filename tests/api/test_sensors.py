"""GET /api/v1/sensors."""

from typing import Any

import httpx
import pytest

from api.services import Services
from tests.api.fakes import GATEWAY, NOW, OTHER, SENSOR, latest

EXPECTED: dict[str, Any] = {
    "id": SENSOR,
    "name": None,
    "location": "unassigned",
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
}


async def test_every_sensor_is_listed_sorted_by_id(client: httpx.AsyncClient, services: Services) -> None:
    services.table.apply(SENSOR, latest())
    services.table.apply(OTHER, latest(OTHER))
    answer = await client.get("/api/v1/sensors")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {"sensors": [EXPECTED | {"id": OTHER}, EXPECTED]}


async def test_nobody_yet_is_an_empty_list(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/sensors")).json() == {"sensors": []}


@pytest.mark.parametrize("written", [SENSOR, SENSOR.upper(), "7cc6b6bd4cb5", "7C-C6-B6-BD-4C-B5", "7CC6.B6BD.4CB5"])
async def test_one_sensor_however_its_address_is_written(
    client: httpx.AsyncClient, services: Services, written: str
) -> None:
    services.table.apply(SENSOR, latest())
    answer = await client.get(f"/api/v1/sensors/{written}")
    assert answer.json() == EXPECTED | {
        "receptions": [
            {"gateway": GATEWAY, "rssi": -66, "last_heard": "2026-03-01T11:59:47.600Z", "copies": 3},
            {"gateway": "attic", "rssi": -90, "last_heard": "2026-03-01T11:59:42.600Z", "copies": 1},
        ]
    }


async def test_a_silent_sensor_is_answered_with_its_age(client: httpx.AsyncClient, services: Services) -> None:
    services.table.apply(SENSOR, latest(seen=NOW - 40 * 86_400_000))
    answer = await client.get(f"/api/v1/sensors/{SENSOR}")
    assert answer.status_code == 200
    assert answer.json()["age_seconds"] == 40 * 86_400


async def test_a_sensor_that_was_never_live_has_no_age(client: httpx.AsyncClient, services: Services) -> None:
    services.table.apply(SENSOR, latest(seen=None))
    answer = (await client.get(f"/api/v1/sensors/{SENSOR}")).json()
    assert (answer["last_seen"], answer["age_seconds"]) == (None, None)


async def test_nothing_was_seen_in_the_future(client: httpx.AsyncClient, services: Services) -> None:
    services.table.apply(SENSOR, latest(seen=NOW + 5_000))
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
    services.table.apply(SENSOR, latest(values=odd, measured_at=10**18))
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
