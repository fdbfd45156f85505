"""GET /api/v1/data/{sensor_id}: ranges, formats, and what a client sees when the store fails."""

import csv
import dataclasses
import io
import json
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest
from starlette.types import Message

from api.app import create_app
from api.formats import Export, Writing, negotiate, write, writing
from api.responses import AggregateData, SensorData
from api.services import Services
from api.times import DAY as DAY_MS
from api.times import rfc3339
from api.views.readings import READING_COLUMNS, reading_csv, reading_json
from history.sqlite import SqliteHistory
from history.store import StoreUnavailable
from schemas.aggregate import Aggregate
from schemas.reading import Reading
from tests.api.fakes import GATEWAY, MINUTE, NOW, SENSOR, FakeHistory, aggregate, latest, reading

DATA = f"/api/v1/data/{SENSOR}"
ROW = {
    "measured_at": "2026-03-01T11:58:00.000Z",
    "received_at": "2026-03-01T11:58:00.120Z",
    "time_source": "gateway",
    "values": {"temperature": 22.3, "humidity": 63, "battery": 100},
    "measured": {},
    "gateway": GATEWAY,
    "rssi": -66,
    "packet_id": 78,
    "flags": [],
}


@pytest.fixture
async def stored(services: Services) -> None:
    """Readings 25 h, 2 min and 1 min ago, the last one with everything that is odd."""
    assert isinstance(services.history, SqliteHistory)
    odd = {"temperature": [21.5, 22.0], "pressure": 1008.83, "text": 'a,"b"\n'}
    await services.history.write(
        [
            reading(NOW - 25 * 60 * MINUTE),
            reading(NOW - 2 * MINUTE),
            msgspec.structs.replace(
                reading(
                    NOW - MINUTE, values=odd, flags=("late", "implausible"), rssi=None, packet_id=None, gateway="a,b"
                ),
                measured={"temperature": [21.8, 22.3]},
            ),
        ]
    )
    services.live.sensors.apply(SENSOR, latest())


def way(format: str) -> Writing[Reading]:
    """How readings are written in that format."""
    facts = {"sensor": SENSOR}
    return writing(format, json=reading_json, csv=reading_csv, columns=READING_COLUMNS, facts=facts)  # type: ignore[arg-type]


def client_of(services: Services, history: FakeHistory) -> httpx.AsyncClient:
    app = create_app(services.settings, dataclasses.replace(services, history=history))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://api")


@pytest.mark.usefixtures("stored")
async def test_json_is_the_default_and_covers_24_hours(client: httpx.AsyncClient) -> None:
    answer = await client.get(DATA)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-cache"
    body = answer.json()
    SensorData.model_validate(body)
    assert body | {"data": None} == {
        "sensor": SENSOR,
        "from": "2026-02-28T12:00:00.000Z",
        "to": "2026-03-01T12:00:00.000Z",
        "step": "raw",
        "source": "readings",
        "data": None,
    }
    assert body["data"][0] == ROW
    assert body["data"][1]["values"] == {"temperature": [21.5, 22.0], "pressure": 1008.83, "text": 'a,"b"\n'}
    assert body["data"][1]["measured"] == {"temperature": [21.8, 22.3]}
    assert len(body["data"]) == 2


@pytest.mark.usefixtures("stored")
async def test_csv_has_fixed_columns(client: httpx.AsyncClient) -> None:
    answer = await client.get(DATA, params={"format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="7cc6b6bd4cb5-2026-02-28.csv"'
    assert list(csv.reader(io.StringIO(answer.text))) == [
        [*READING_COLUMNS],
        ["2026-03-01T11:58:00.000Z", "22.3", "63", "100", "78", GATEWAY, "-66", "gateway", "", "22.3", "63"],
        [
            *("2026-03-01T11:59:00.000Z", "21.5;22.0", "", "", "", "a,b", "", "gateway", "late;implausible"),
            *("21.8;22.3", ""),
        ],
    ]


@pytest.mark.usefixtures("stored")
async def test_ndjson_lines_are_the_entries_of_data(client: httpx.AsyncClient) -> None:
    answer = await client.get(DATA, headers={"Accept": "application/x-ndjson"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"].endswith('.ndjson"')
    assert answer.headers["vary"] == "Accept"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines == (await client.get(DATA)).json()["data"]


@pytest.mark.usefixtures("stored")
async def test_from_is_inclusive_and_to_exclusive(client: httpx.AsyncClient) -> None:
    span = {"from": "2026-03-01T12:58:00+01:00", "to": "2026-03-01T11:59:00Z"}
    assert [row["measured_at"] for row in (await client.get(DATA, params=span)).json()["data"]] == [ROW["measured_at"]]
    unescaped = await client.get(DATA + "?from=2026-03-01T12:58:00+01:00&to=2026-03-01T11:59:00Z")
    assert unescaped.json()["data"] == [ROW]
    assert len((await client.get(DATA, params={"from": "2026-02-28"})).json()["data"]) == 3
    assert len((await client.get(DATA, params={"from": "0001-01-01"})).json()["data"]) == 3


@pytest.mark.parametrize("to", ["0001-01-01", "2025-01-01"])
@pytest.mark.parametrize("format", ["json", "csv", "ndjson"])
async def test_a_known_sensor_without_readings_in_range_is_empty(
    client: httpx.AsyncClient, services: Services, format: str, to: str
) -> None:
    services.live.sensors.apply(SENSOR, latest())
    answer = await client.get(DATA, params={"format": format, "to": to})
    assert answer.status_code == 200
    if format == "json":
        assert answer.json()["data"] == []
    else:
        assert len(answer.text.splitlines()) == (1 if format == "csv" else 0)


async def test_a_sensor_that_only_history_knows_is_known(client: httpx.AsyncClient, services: Services) -> None:
    assert isinstance(services.history, SqliteHistory)
    await services.history.write([reading(NOW - MINUTE)])
    assert len((await client.get(DATA)).json()["data"]) == 1


@pytest.mark.parametrize("format", ["json", "csv", "ndjson"])
async def test_the_first_chunk_is_there_before_the_last_reading_is_read(services: Services, format: str) -> None:
    history = FakeHistory(count=200_000)
    how = way(format)
    size, largest = 0, 0
    readings = history.readings(SENSOR, NOW, NOW + 200_000)
    async for chunk in write(how, await anext(readings), readings):
        if not size:
            assert history.given == 1
        size, largest = size + len(chunk), max(largest, len(chunk))
    assert history.given == 200_000
    assert size > 10_000_000
    assert largest < 40_000


async def test_the_store_is_let_go_at_once_when_the_client_leaves() -> None:
    history = FakeHistory(count=10)
    readings = history.readings(SENSOR, NOW, NOW + 10)
    body = write(way("json"), await anext(readings), readings)

    async def gone(message: Message) -> None:
        if message["type"] == "http.response.body":
            raise OSError("the client has left")

    with pytest.raises(OSError, match="has left"):
        await Export(body).stream_response(gone)
    assert history.left


async def test_a_long_range_arrives_whole(services: Services) -> None:
    async with client_of(services, FakeHistory(count=5_000)) as client:
        answer = await client.get(DATA, params={"format": "json"})
        assert len(answer.json()["data"]) == 5_000


async def test_a_store_that_is_away_is_a_problem(services: Services) -> None:
    async with client_of(services, FakeHistory(count=1, fails_at=0)) as client:
        answer = await client.get(DATA)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert "the disk is gone" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("accept", "format"),
    [
        ("*/*", "json"),
        ("text/csv", "csv"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "json"),
        ("application/json;q=0.5, text/csv", "csv"),
        ("application/x-ndjson, application/json", "ndjson"),
        ("text/csv;q=0", None),
        ("text/csv;q=x, application/json;q=0.1", "json"),
        ("image/png", None),
        ("", None),
    ],
)
def test_accept_chooses_the_format(accept: str, format: str | None) -> None:
    assert negotiate(accept) == format


@pytest.mark.usefixtures("stored")
async def test_the_parameter_wins_over_accept(client: httpx.AsyncClient) -> None:
    answer = await client.get(DATA, params={"format": "csv"}, headers={"Accept": "image/png"})
    assert answer.headers["content-type"].startswith("text/csv")


MIDNIGHT = NOW - NOW % DAY_MS


@pytest.fixture
async def windowed(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """Two 5-minute windows, the second one not final and with more quantities, and one of a day."""
    services.live.sensors.apply(SENSOR, latest())
    later = NOW - 5 * MINUTE
    windows = [
        aggregate(NOW - 15 * MINUTE),
        aggregate(later, "humidity", min=60, max=63, mean=61.5, first=60, last=63),
        aggregate(later, final=False),
        aggregate(later, index=1),
        aggregate(MIDNIGHT, width=86_400),
    ]
    async with client_of(services, FakeHistory(count=1, windows=windows)) as client:
        yield client


SUMMARY = {"count": 5, "min": 21.9, "max": 22.4, "mean": 22.16, "first": 22.4, "last": 21.9}


async def test_windows_hold_every_quantity_and_gaps_stay_gaps(windowed: httpx.AsyncClient) -> None:
    answer = await windowed.get(DATA, params={"step": "5m", "from": "2026-03-01T11:47:00Z"})
    AggregateData.model_validate(answer.json())
    humidity = {"count": 5, "min": 60, "max": 63, "mean": 61.5, "first": 60, "last": 63}
    assert answer.json() == {
        "sensor": SENSOR,
        "from": "2026-03-01T11:45:00.000Z",
        "to": "2026-03-01T12:00:00.000Z",
        "step": "5m",
        "source": "aggregates 5m",
        "data": [
            {
                "start": "2026-03-01T11:45:00.000Z",
                "end": "2026-03-01T11:50:00.000Z",
                "final": True,
                "quantities": {"temperature": SUMMARY},
            },
            {
                "start": "2026-03-01T11:55:00.000Z",
                "end": "2026-03-01T12:00:00.000Z",
                "final": False,
                "quantities": {"humidity": humidity, "temperature": SUMMARY, "temperature[1]": SUMMARY},
            },
        ],
    }


async def test_windows_as_csv_and_ndjson(windowed: httpx.AsyncClient) -> None:
    asked = {"step": "5m", "from": "2026-03-01T11:50:00Z"}
    answer = await windowed.get(DATA, params=asked | {"format": "csv"})
    assert list(csv.reader(io.StringIO(answer.text))) == [
        ["start", "quantity", "count", "min", "max", "mean", "first", "last"],
        ["2026-03-01T11:55:00.000Z", "humidity", "5", "60", "63", "61.5", "60", "63"],
        ["2026-03-01T11:55:00.000Z", "temperature", "5", "21.9", "22.4", "22.16", "22.4", "21.9"],
        ["2026-03-01T11:55:00.000Z", "temperature[1]", "5", "21.9", "22.4", "22.16", "22.4", "21.9"],
    ]
    assert answer.headers["content-disposition"] == 'attachment; filename="7cc6b6bd4cb5-2026-03-01-5m.csv"'
    lines = (await windowed.get(DATA, params=asked | {"format": "ndjson"})).text.splitlines()
    assert [json.loads(line) for line in lines] == (await windowed.get(DATA, params=asked)).json()["data"]


@pytest.mark.parametrize(
    ("hours", "step", "source"),
    [
        (6, "raw", "readings"),
        (6.1, "5m", "aggregates 5m"),
        (8 * 24, "5m", "aggregates 5m"),
        (8 * 24 + 1, "1h", "aggregates 1h"),
        (120 * 24, "1h", "aggregates 1h"),
        (120 * 24 + 1, "1d", "aggregates 1d"),
    ],
)
@pytest.mark.parametrize("format", ["json", "csv"])
async def test_auto_chooses_by_the_range_and_says_so(
    windowed: httpx.AsyncClient, hours: float, step: str, source: str, format: str
) -> None:
    start = rfc3339(NOW - int(hours * 60) * MINUTE)
    answer = await windowed.get(DATA, params={"step": "auto", "from": start, "format": format})
    assert (answer.headers["bluflow-step"], answer.headers["bluflow-source"]) == (step, source)
    if format == "json":
        assert (answer.json()["step"], answer.json()["source"]) == (step, source)


async def test_a_day_begins_at_midnight_utc(windowed: httpx.AsyncClient) -> None:
    answer = (await windowed.get(DATA, params={"step": "1d", "from": "2026-03-01T11:00:00Z"})).json()
    assert answer["from"] == "2026-03-01T00:00:00.000Z"
    assert [row["start"] for row in answer["data"]] == [answer["from"]]


@pytest.mark.parametrize(
    ("to", "policy"),
    [
        ("2026-03-01T11:00:00Z", "private, max-age=60"),
        ("2026-03-01T11:00:00.001Z", "no-cache"),
        ("2026-03-02", "no-cache"),
        (None, "no-cache"),
    ],
)
async def test_only_what_is_long_past_may_be_kept(windowed: httpx.AsyncClient, to: str | None, policy: str) -> None:
    answer = await windowed.get(DATA, params={"from": "2026-02-28"} | ({"to": to} if to else {}))
    assert answer.headers["cache-control"] == policy


async def test_a_store_without_its_windows_is_a_problem(services: Services) -> None:
    class Away(FakeHistory):
        async def aggregates(self, sensor: str, width: int, start: int, end: int) -> AsyncIterator[Aggregate]:
            raise StoreUnavailable("bucket bluflow_5m is missing")
            yield

    async with client_of(services, Away()) as client:
        answer = await client.get(DATA, params={"step": "5m"})
    assert (answer.status_code, "bluflow_5m" in answer.json()["detail"]) == (503, True)
