"""The real server: what a client on a socket sees, and the real process."""

import asyncio
import dataclasses
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from api.__main__ import Server
from api.app import create_app, seed
from api.services import Services
from api.settings import ApiSettings
from api.table import SensorTable
from api.times import system_clock
from cli.child import spawn
from history.sqlite import SqliteHistory
from history.store import HistoryReader, StoreUnavailable
from runtime.settings import load
from schemas.topics import LATEST
from tests.api.conftest import until
from tests.api.fakes import NOW, OTHER, SENSOR, FakeHistory, latest, reading
from tests.api.test_data import DATA
from tests.api.test_follow import send


@asynccontextmanager
async def serving(services: Services, history: HistoryReader) -> AsyncIterator[httpx.AsyncClient]:
    """uvicorn on a port of its own, in this process."""
    app = create_app(services.settings, dataclasses.replace(services, history=history))
    server = Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    listening = socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}") as client:
            yield client
    finally:
        server.should_exit = True
        await task


@pytest.mark.parametrize("format", ["json", "csv", "ndjson"])
async def test_a_store_that_fails_midway_breaks_the_connection_off(services: Services, format: str) -> None:
    async with (
        serving(services, FakeHistory(count=2_000, fails_at=1_000)) as client,
        client.stream("GET", DATA, params={"format": format}) as answer,
    ):
        assert answer.status_code == 200
        chunks = answer.aiter_bytes()
        assert await anext(chunks)
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            _ = [chunk async for chunk in chunks]


async def test_a_client_that_leaves_ends_the_reading(services: Services) -> None:
    history = FakeHistory(count=10**9)
    async with serving(services, history) as client:
        async with client.stream("GET", DATA) as answer:
            assert await anext(answer.aiter_bytes())
        await until(lambda: history.left)
    assert history.given < 10**6


async def test_silent_sensors_are_seeded_once_the_store_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("api.app.asyncio.sleep", pause)
    table = SensorTable()
    history = FakeHistory(known=[reading(NOW)], failures=[StoreUnavailable("locked"), ValueError("a bad row")])
    await seed(table, history)
    assert [one.sensor for one in table.all()] == [SENSOR]
    assert pauses == [1, 2]


def test_settings_come_from_the_environment_and_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "bluflow.yaml"
    config.write_text("broker: kafka:9092\napi: {port: 8001, streams: 7}\n")
    monkeypatch.setenv("BLUFLOW_CONFIG", str(config))
    monkeypatch.setenv("API_PORT", "8002")
    settings = load(ApiSettings)
    assert (settings.broker, settings.port, settings.streams) == ("kafka:9092", 8002, 7)


def start(port: int, broker: str, prefix: str, data: Path) -> "subprocess.Popen[bytes]":
    environment = {
        **os.environ,
        "BROKER": broker,
        "BLUFLOW_TOPIC_PREFIX": prefix,
        "BLUFLOW_DATA": str(data),
        "API_PORT": str(port),
    }
    return spawn([sys.executable, "-m", "api"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


async def test_the_process_serves_live_state_and_history(
    kafka: str, topics: str, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    now = system_clock()
    history = SqliteHistory(tmp_path / "history.sqlite")
    await history.write([reading(now - 60_000), reading(now - 60_000, OTHER)])
    await history.close()
    await send(kafka, LATEST.full_name(topics), (SENSOR, latest(seen=now)))
    port = free_port()
    process = start(port, kafka, topics, tmp_path)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            for _ in range(300):
                try:
                    if (await client.get("/health/ready")).status_code == 200:
                        break
                except httpx.TransportError:
                    assert process.poll() is None
                await asyncio.sleep(0.05)
            sensors = {one["id"]: one for one in (await client.get("/api/v1/sensors")).json()["sensors"]}
            assert set(sensors) == {SENSOR, OTHER}
            assert sensors[SENSOR]["age_seconds"] < 30 < sensors[OTHER]["age_seconds"]
            assert len((await client.get(DATA)).json()["data"]) == 1
            page = (await client.get("/metrics")).text
            assert f'shelly_temperature_celsius{{sensor_id="{SENSOR}"}} 22.3' in page
            assert "bluflow_api_connected 1.0" in page
        process.send_signal(signal.SIGTERM)
        errors, _ = await asyncio.to_thread(process.communicate, timeout=10)
        assert process.returncode == 0
        assert b"Traceback" not in errors
    finally:
        process.kill()
        await asyncio.to_thread(process.communicate)


async def test_a_taken_port_is_one_line_and_exit_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start(port, "127.0.0.1:1", "t.", tmp_path)
        errors, _ = await asyncio.to_thread(process.communicate, timeout=20)
    assert process.returncode == 2
    assert errors.decode() == f"bluflow: api cannot listen on 127.0.0.1:{port}: Address already in use; set API_PORT\n"
