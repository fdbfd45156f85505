"""Two real API processes on one broker: they show the same, and a client of one goes on at the other."""

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from api.times import system_clock
from schemas.codec import encode
from schemas.gateway import Clock
from schemas.topics import CLOCK, GATEWAYS, LATEST
from tests.api.fakes import GATEWAY, OTHER, SENSOR, gateway, latest
from tests.api.test_follow import send
from tests.api.test_server import start


@asynccontextmanager
async def api(port: int, kafka: str, prefix: str, data: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A process of its own, ready."""
    process = start(port, kafka, prefix, data)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            await until_ready(client, process)
            yield client
        process.send_signal(signal.SIGTERM)
        errors, _ = await asyncio.to_thread(process.communicate, timeout=20)
        assert process.returncode == 0, errors.decode()
    finally:
        process.kill()
        await asyncio.to_thread(process.communicate)


async def until_ready(client: httpx.AsyncClient, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while not await is_ready(client, process):
        assert time.monotonic() < deadline, "the API was not ready within 30 s"
        await asyncio.sleep(0.05)


async def is_ready(client: httpx.AsyncClient, process: "subprocess.Popen[bytes]") -> bool:
    try:
        return (await client.get("/health/ready")).status_code == 200
    except httpx.TransportError:
        assert process.poll() is None, "the API has ended"
        return False


async def until_shown(client: httpx.AsyncClient, sensor: str, *, rssi: int) -> None:
    deadline = time.monotonic() + 20
    while (await client.get(f"/api/v1/sensors/{sensor}")).json()["rssi"] != rssi:
        assert time.monotonic() < deadline, "not shown within 20 s"
        await asyncio.sleep(0.05)


async def say(broker: str, topic: str, key: str, record: Any) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker)
    await producer.start()
    try:
        await producer.send_and_wait(topic, encode(record), key=key.encode())
    finally:
        await producer.stop()


class Browser:
    """An EventSource: parses the lines, keeps the last id."""

    def __init__(self, lines: AsyncIterator[str], last_id: str | None) -> None:
        self._lines, self.id = lines, last_id

    async def until(self, done: Callable[[str, dict[str, Any]], bool]) -> list[tuple[str, dict[str, Any]]]:
        """Every event up to the first that is the one."""
        seen: list[tuple[str, dict[str, Any]]] = []
        fields: dict[str, str] = {}
        async with asyncio.timeout(20):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                    continue
                self.id = fields.get("id", self.id)
                if "event" in fields:
                    seen.append((fields["event"], json.loads(fields["data"])))
                    if done(*seen[-1]):
                        return seen
                fields = {}
        raise AssertionError("the stream has ended")


@asynccontextmanager
async def browsing(client: httpx.AsyncClient, last_id: str | None = None) -> AsyncIterator[Browser]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    async with client.stream("GET", "/api/v1/stream", headers=headers) as answer:
        assert answer.status_code == 200
        yield Browser(answer.aiter_lines(), last_id)


def ageless(value: Any) -> Any:
    """The answer without ages."""
    if isinstance(value, dict):
        return {name: ageless(one) for name, one in value.items() if name != "age_seconds"}
    return [ageless(one) for one in value] if isinstance(value, list) else value


@pytest.fixture
async def pair(
    kafka: str, topics: str, tmp_path: Path, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """Two processes, one of which has been there before the last records came."""
    sensors = tmp_path / "sensors.yaml"
    sensors.write_text(f"sensors:\n  {SENSOR}: {{name: Fridge, location: Kitchen}}\n  7c:c6:b6:00:00:09:\n")
    monkeypatch.setenv("BLUFLOW_SENSORS_FILE", str(sensors))
    now = system_clock()
    await say(kafka, CLOCK.full_name(topics), "0", Clock(0, now))
    await send(kafka, LATEST.full_name(topics), (SENSOR, latest(seen=now - 600_000)), (OTHER, latest(OTHER, seen=now)))
    async with api(free_port(), kafka, topics, tmp_path) as first:
        await say(kafka, GATEWAYS.full_name(topics), GATEWAY, gateway(last_frame=now, online=True))
        await send(kafka, LATEST.full_name(topics), (OTHER, latest(OTHER, 2, seen=now)))
        async with api(free_port(), kafka, topics, tmp_path) as second:
            yield first, second


async def test_they_show_the_same(pair: tuple[httpx.AsyncClient, httpx.AsyncClient]) -> None:
    async with browsing(pair[0]) as browser:  # by then the first one has all that the second one was started with
        await browser.until(lambda name, data: name == "gateway")
    for path in ("sensors", f"sensors/{SENSOR}", f"sensors/{OTHER}/receptions", "gateways", f"gateways/{GATEWAY}"):
        first, second = [await client.get(f"/api/v1/{path}") for client in pair]
        assert first.status_code == 200
        assert ageless(first.json()) == ageless(second.json())
        assert first.headers["etag"] == second.headers["etag"]
        held = {"If-None-Match": first.headers["etag"]}
        assert (await pair[1].get(f"/api/v1/{path}", headers=held)).status_code == 304
    found = {one["id"]: one for one in (await pair[0].get("/api/v1/sensors")).json()["sensors"]}
    assert [(one["freshness"], one["claimed"]) for _, one in sorted(found.items())] == [
        ("fresh", False),
        ("lost", True),
        ("stale", True),
    ]


async def test_a_client_that_loses_one_goes_on_at_the_other(
    pair: tuple[httpx.AsyncClient, httpx.AsyncClient], kafka: str, topics: str
) -> None:
    topic = LATEST.full_name(topics)
    async with browsing(pair[0]) as browser:
        await browser.until(lambda name, data: name == "gateway")
        await send(kafka, topic, (OTHER, latest(OTHER, 3, seen=system_clock(), rssi=-33)))
        await browser.until(lambda name, data: data.get("rssi") == -33)
        seen = browser.id
    await until_shown(pair[1], OTHER, rssi=-33)  # who is behind may tell again what the client knows
    # while it is away
    await send(kafka, topic, (SENSOR, latest(SENSOR, 4, seen=system_clock(), rssi=-44)))
    await say(kafka, GATEWAYS.full_name(topics), GATEWAY, gateway(revision=2, last_frame=system_clock(), reboots=1))
    async with browsing(pair[1], seen) as browser:
        missed = await browser.until(lambda name, data: name == "gateway" and data["reboots"] == 1)
        if not any(data.get("rssi") == -44 for _, data in missed):
            missed += await browser.until(lambda name, data: data.get("rssi") == -44)
        await send(kafka, topic, (OTHER, latest(OTHER, 5, seen=system_clock(), rssi=-55)))
        live = await browser.until(lambda name, data: data.get("rssi") == -55)
    assert "reset" not in [name for name, _ in missed + live]
    assert OTHER not in [data["id"] for _, data in missed], "it was told before"


async def test_open_streams_do_not_hold_up_the_end(
    kafka: str, topics: str, tmp_path: Path, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_STREAMS", "1")
    await send(kafka, LATEST.full_name(topics), (SENSOR, latest(seen=system_clock())))
    port = free_port()
    process = start(port, kafka, topics, tmp_path)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            await until_ready(client, process)
            async with browsing(client) as browser:
                await browser.until(lambda name, data: name == "sensor")
                refused = await client.get("/api/v1/stream")
                assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
                assert refused.headers["content-type"] == "application/problem+json"
                assert "set API_STREAMS" in refused.json()["detail"]
                process.send_signal(signal.SIGTERM)
                with pytest.raises(AssertionError, match="has ended"):
                    await browser.until(lambda name, data: False)
        errors, _ = await asyncio.to_thread(process.communicate, timeout=20)
        assert process.returncode == 0
        assert b"timeout graceful shutdown exceeded" not in errors
        assert b"Traceback" not in errors
    finally:
        process.kill()
        await asyncio.to_thread(process.communicate)
