"""The API's answers with many sensors: how many a second, how long each takes, what one costs."""

import asyncio
import sys
import time
from collections.abc import Iterator
from statistics import median
from typing import NamedTuple

import msgspec
import psutil

from api.times import rfc3339
from benchmarks.api.client import Served
from benchmarks.api.filling import DAY, fill_history, fill_topics
from benchmarks.bench import Bench
from benchmarks.brokers import embedded
from benchmarks.child import SERVING, Failed, awaited, ending, started
from benchmarks.engine.backlog import MINUTE, sensor
from benchmarks.figures import markdown, percentile, spread
from benchmarks.http import Client
from benchmarks.pipeline import Child, child, cost
from runtime.kafka import ensure_topics
from schemas.topics import TOPICS

NAME = "api"
TITLE = "The API's answers"
AT_ONCE = (1, 8)
PREFIX = "bench."


class Case(NamedTuple):
    """A request: its paths, asked for in turn, and how many for a smoke, a quick and a full run."""

    title: str
    paths: list[str]
    counts: tuple[int, int, int]


class Asked(NamedTuple):
    """What came of it, and the API's seconds of CPU meanwhile."""

    served: Served
    cpu: float


def measure(bench: Bench) -> Iterator[str]:
    """A table: a row a request."""
    sensors, days = bench.size(200, 10_000, 10_000), bench.size(3, 50, 1_000)
    start = time.time_ns() // 1_000_000 // MINUTE * MINUTE - DAY * MINUTE
    asyncio.run(fill_history(bench.folder / "history.sqlite", days, start))
    with embedded(bench.folder) as broker:
        asyncio.run(ensure_topics(broker, TOPICS, PREFIX, embedded=True))
        settings = {"BROKER": broker, "BLUFLOW_TOPIC_PREFIX": PREFIX}
        with child("api", bench.folder, settings) as api:
            found = _rounds(bench, api, broker, sensors, _cases(sensors, days, start))
            memory = cost(psutil.Process(api.process.pid)).memory
    said = f"{sensors:,} sensors live, the day of {days:,} in SQLite ({days * DAY:,} readings). The API then has"
    yield f"{said} {memory / 1e6:.0f} MB.\n\n{markdown([_HEAD, *(_row(*each) for each in found.items())])}"


def _cases(sensors: int, days: int, start: int) -> list[Case]:
    ids = [sensor(index * 7919 % sensors) for index in range(200)]
    with_days = [sensor(index) for index in range(days)]
    range_ = f"from={rfc3339(start)}&to={rfc3339(start + DAY * MINUTE)}"
    return [
        Case("one sensor", [f"/api/v1/sensors/{id}" for id in ids], (20, 500, 3_000)),
        Case("sensors, a page of 100", ["/api/v1/sensors?limit=100"], (5, 100, 500)),
        Case("sensors, a page of 1,000", ["/api/v1/sensors"], (3, 40, 200)),
        Case("a sensor's day, 1,440 readings", [f"/api/v1/data/{id}?{range_}" for id in with_days], (5, 100, 1_000)),
        Case("a sensor's day, CSV", [f"/api/v1/data/{id}?{range_}&format=csv" for id in with_days], (5, 100, 1_000)),
        Case("/metrics", ["/metrics"], (3, 20, 100)),
    ]


def _rounds(bench: Bench, api: Child, broker: str, sensors: int, cases: list[Case]) -> dict[str, list[list[Asked]]]:
    """By case, by how many at once, by round. The sensors speak before each round: they stay fresh."""
    found: dict[str, list[list[Asked]]] = {case.title: [[] for _ in AT_ONCE] for case in cases}
    for number in range(bench.rounds):
        asyncio.run(fill_topics(broker, PREFIX, sensors, number, time.time_ns() // 1_000_000))
        api.wait_ready(bench.seconds)
        asyncio.run(_wait_until_shown(api.page, sensors, number, bench.seconds))
        for case in cases:
            for place, at_once in enumerate(AT_ONCE):
                asked = _ask(bench, api, case, at_once)
                found[case.title][place].append(asked)
                told = f"{percentile(asked.served.latencies, 0.99) * 1000:.1f} ms p99"
                print(f"  round {number + 1}  {case.title}, {at_once} at once: {told}", file=sys.stderr, flush=True)
    return found


def _ask(bench: Bench, api: Child, case: Case, at_once: int) -> Asked:
    process, log = psutil.Process(api.process.pid), bench.folder / "client.log"
    arguments = [api.page, at_once, bench.size(*case.counts), *case.paths]
    before = cost(process).cpu
    with ending(started([sys.executable, "-m", "benchmarks.api.client", *map(str, arguments)], SERVING, log)) as client:
        served = awaited(client, log, Served, bench.seconds)
    return Asked(served, cost(process).cpu - before)


class _Shown(msgspec.Struct):
    packet_id: int | None


async def _wait_until_shown(address: str, sensors: int, number: int, seconds: float) -> None:
    """Until the API has the newest of every sensor. Raises Failed if that takes too long."""
    client, deadline = Client(address), time.monotonic() + seconds
    try:
        for index in range(max(0, sensors - 50), sensors):  # the last that were written, of every partition
            while True:
                status, body = await client.get(f"/api/v1/sensors/{sensor(index)}")
                if status == 200 and msgspec.json.decode(body, type=_Shown).packet_id == number:
                    break
                if time.monotonic() > deadline:
                    raise Failed(f"the API does not show {sensor(index)}")
                await asyncio.sleep(0.05)
    finally:
        await client.close()


_HEAD = [
    "",
    "answers/s, one at a time",
    "p50, ms",
    "p99, ms",
    "answers/s, 8 at once",
    "p50, ms",
    "p99, ms",
    "API's CPU each, ms",
    "KB each",
    "asking's CPU each, ms",
]


def _row(title: str, found: list[list[Asked]]) -> list[str]:
    cells = [title]
    for runs in found:
        served = [each.served for each in runs]
        cells.append(spread([len(each.latencies) / each.seconds for each in served]))
        cells += [spread([percentile(each.latencies, share) * 1000 for each in served]) for share in (0.5, 0.99)]
    alone = found[0]
    counts = [len(each.served.latencies) for each in alone]
    cells.append(spread([1000 * each.cpu / count for each, count in zip(alone, counts, strict=True)]))
    cells.append(f"{median(each.served.size for each in alone) / 1000:,.1f}")
    cells.append(spread([1000 * each.served.cpu / count for each, count in zip(alone, counts, strict=True)]))
    return cells
