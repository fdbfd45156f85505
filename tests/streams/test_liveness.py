"""A stuck worker says so and ends by itself; a worker with nothing to do, or that works, is live."""

import asyncio
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import aiohttp
import pytest
from aiokafka import AIOKafkaProducer
from faust.types import TP

import streams.watchdog
from cli.child import spawn
from schemas.frame import tick_headers
from schemas.topics import RAW_FRAMES
from streams.engine.fail_stop import EXIT_CODE
from streams.engine.progress import Progress
from streams.watchdog import Watchdog
from tests.streams.engine.conftest import until

T0 = 1_759_654_321_000
Start = Callable[..., Any]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_without_lag_nothing_is_stuck(clock: Clock) -> None:
    progress: Progress[str] = Progress(clock)
    progress.look({"a": 5}, {"a": 0}, set())
    clock.now = 100
    progress.look({"a": 5}, {"a": 0}, set())
    assert progress.stuck_seconds == 0


def test_lag_without_a_commit_counts_from_when_it_was_seen(clock: Clock) -> None:
    progress: Progress[str] = Progress(clock)
    assert not progress.look({"a": 5}, {"a": 0}, set())
    clock.now = 10
    assert not progress.look({"a": 5}, {"a": 3}, set())
    clock.now = 25
    assert progress.stuck_seconds == 15
    assert progress.look({"a": 6}, {"a": 2}, set())
    assert progress.stuck_seconds == 0


def test_a_partition_in_work_is_not_excused_by_its_neighbours(clock: Clock) -> None:
    progress: Progress[str] = Progress(clock)
    for second in range(20):
        clock.now = second
        progress.look({"a": 5, "b": second}, {"a": 3, "b": 3}, {"a"})
    assert progress.stuck_seconds == 19


def test_a_partition_that_waits_for_its_neighbours_is_not_stuck(clock: Clock) -> None:
    progress: Progress[str] = Progress(clock)
    for second in range(20):
        clock.now = second
        progress.look({"a": 5, "b": second}, {"a": 3, "b": 3}, {"b"})
    assert progress.stuck_seconds == 0


def test_a_rebalance_begins_anew(clock: Clock) -> None:
    progress: Progress[str] = Progress(clock)
    progress.look({"a": 5}, {"a": 3}, set())
    progress.look({"a": 5}, {"a": 3}, set())
    clock.now = 100
    assert progress.stuck_seconds == 100
    progress.recovers("began")
    assert progress.stuck_seconds == 0


def test_a_recovery_is_stuck_only_when_it_gets_no_further(clock: Clock) -> None:
    progress: Progress[str] = Progress(clock)
    for second in range(20):
        clock.now = second
        progress.recovers(("records", second))
    assert progress.stuck_seconds == 0
    clock.now = 50
    progress.recovers(("records", 19))
    assert progress.stuck_seconds == 31
    assert progress.recovering
    progress.look({"a": 5}, {"a": 0}, set())
    assert progress.stuck_seconds == 0


class Ended(BaseException):
    """Instead of the process."""


async def test_a_worker_whose_commits_stand_still_ends_by_itself(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    place = TP("in", 0)

    async def standing() -> tuple[dict[TP, int], dict[TP, int], set[TP]]:
        clock.now += 10
        return {place: 5}, {place: 3}, {place}

    def fail_stop(cause: object) -> NoReturn:
        raise Ended(cause)

    app: Any = SimpleNamespace(
        consumer=SimpleNamespace(standing=standing), rebalancing=False, tables=SimpleNamespace(actives_ready=True)
    )
    watchdog = Watchdog(app, 60, 30)
    monkeypatch.setattr(watchdog, "_progress", Progress(clock))
    monkeypatch.setattr(streams.watchdog, "fail_stop", fail_stop)
    monkeypatch.setattr(streams.watchdog, "LOOK_SECONDS", 0.02)
    with pytest.raises(Ended, match="no commit for 130 s although records wait"):
        await asyncio.wait_for(watchdog.run(), 5)


def test_a_loop_that_stands_still_ends_its_process(capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing within the loop could: it is done by a thread that is not Python's."""
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(beat_and_stand_still())
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 1
    assert "in beat_and_stand_still" in capfd.readouterr().err


async def beat_and_stand_still() -> None:
    app: Any = None
    beating = asyncio.create_task(Watchdog(app, 60, 0.2)._beat())
    await asyncio.sleep(0.01)
    time.sleep(5)  # noqa: ASYNC251  # meant to stand still
    beating.cancel()


@pytest.fixture
def start(kafka: str, topics: str, tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Start]:
    children = []

    def begin(**env: str) -> Any:
        port = free_port()
        settings = {
            "BROKER": kafka,
            "BLUFLOW_TOPIC_PREFIX": topics,
            "BLUFLOW_DATA": str(tmp_path),
            "STREAMS_PORT": str(port),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        with (tmp_path / "worker.log").open("ab") as log:
            script = str(Path(__file__).parent / "stuck.py")
            child = spawn([sys.executable, script], env={**os.environ, **settings, **env}, stdout=log, stderr=log)
        children.append(child)
        return child, f"http://127.0.0.1:{port}"

    yield begin
    for child in children:
        child.kill()
        child.wait()


async def fetch(url: str) -> tuple[int, str]:
    """Status and body, 0 when nobody answers."""
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status, await answer.text()
    except aiohttp.ClientError:
        return 0, ""


async def is_not_live(page: str, why: str) -> bool:
    status, text = await fetch(f"{page}/health/live")
    return status == 503 and why in text


async def tick(kafka: str, prefix: str) -> None:
    """One record in a partition of raw-frames."""
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        await producer.send_and_wait(RAW_FRAMES.full_name(prefix), b"", partition=0, headers=tick_headers(T0))


async def test_a_worker_that_commits_is_live_and_tells_its_lag(kafka: str, topics: str, start: Start) -> None:
    _, page = start()
    name = RAW_FRAMES.full_name(topics)
    done = re.compile(rf'bluflow_streams_lag_records{{partition="0",topic="{re.escape(name)}"}} 0\.0')

    async def commit_seen() -> bool:
        await tick(kafka, topics)
        text = (await fetch(f"{page}/metrics"))[1]
        return bool(re.search(r"^bluflow_streams_last_commit_timestamp_seconds [1-9]", text, re.MULTILINE))

    async def caught_up() -> bool:
        return bool(done.search((await fetch(f"{page}/metrics"))[1]))

    await until(commit_seen)
    await until(caught_up)
    assert await fetch(f"{page}/health/live") == (200, '{"status": "ok"}')
    assert (await fetch(f"{page}/health/ready"))[0] == 200

    async def rebalance_told() -> bool:
        found = dict(re.findall(r"^bluflow_streams_(\w+) (\S+)$", (await fetch(f"{page}/metrics"))[1], re.MULTILINE))
        return float(found["rebalances"]) >= 1 and float(found["recovery_seconds"]) > 0

    await until(rebalance_told)


async def test_a_worker_whose_deliveries_never_come_is_not_live_and_ends(kafka: str, topics: str, start: Start) -> None:
    await tick(kafka, topics)
    child, page = start(STUCK="delivery", STREAMS_STUCK_SECONDS="3")

    await until(lambda: is_not_live(page, "no commit"))
    assert await asyncio.to_thread(child.wait, 30) == EXIT_CODE


async def test_a_worker_whose_recovery_never_ends_is_not_live_and_ends(kafka: str, topics: str, start: Start) -> None:
    first, page = start()
    await tick(kafka, topics)

    async def committed() -> bool:  # from here on there is something to recover
        text = (await fetch(f"{page}/metrics"))[1]
        return bool(re.search(r"^bluflow_streams_last_commit_timestamp_seconds [1-9]", text, re.MULTILINE))

    await until(committed)
    first.terminate()
    assert await asyncio.to_thread(first.wait, 30) == 0
    child, page = start(STUCK="recovery", STREAMS_STUCK_SECONDS="3")

    await until(lambda: is_not_live(page, "recovery"))
    assert await asyncio.to_thread(child.wait, 30) == EXIT_CODE


async def test_a_worker_whose_loop_stands_still_ends(kafka: str, topics: str, start: Start, tmp_path: Path) -> None:
    await tick(kafka, topics)
    child, _ = start(STUCK="fold", STREAMS_STALL_SECONDS="3")
    assert await asyncio.to_thread(child.wait, 60) == 1
    log = (tmp_path / "worker.log").read_text()
    assert "Timeout (0:00:03)!" in log
    assert "in blocked" in log
