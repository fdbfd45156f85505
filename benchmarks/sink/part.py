"""Points a second into the history, beside InfluxData's own writer and beside lines that need only be posted."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks.bench import Bench
from benchmarks.child import run_module, serving
from benchmarks.figures import Sample, table
from tests.conftest import find_free_port

NAME = "sink"
TITLE = "Readings into the history"


def measure(bench: Bench) -> Iterator[str]:
    """A table for InfluxDB's wire and one for SQLite."""
    with _server(bench) as url:
        outcomes = bench.compare(
            [
                ("bluflow to InfluxDB", partial(_once, bench, "ours", "influxdb", url, 2)),
                ("influxdb-client, Point, batching writer", partial(_once, bench, "client", "points", url, 10)),
                ("lines by a format string, posted", partial(_once, bench, "client", "lines", url, 2)),
                ("ready lines, posted", partial(_once, bench, "client", "ready", url, 1)),
            ]
        )
    yield f"**InfluxDB's wire**, four points a reading, a server that takes everything.\n\n{table(outcomes, 'points')}"
    outcomes = bench.compare([("bluflow to SQLite", partial(_sqlite, bench))])
    yield f"**SQLite**, a row a reading.\n\n{table(outcomes, 'rows')}"


def _once(bench: Bench, module: str, case: str, url: str, part: int, _: int) -> Sample:
    count = bench.size(5_000, 100_000, 400_000) // part
    return run_module(f"benchmarks.sink.{module}", case, url, count, folder=bench.folder, seconds=bench.seconds)


def _sqlite(bench: Bench, number: int) -> Sample:
    file, count = bench.folder / f"history-{number}.sqlite", bench.size(5_000, 100_000, 200_000)
    return run_module("benchmarks.sink.ours", "sqlite", file, count, folder=bench.folder, seconds=bench.seconds)


@contextmanager
def _server(bench: Bench) -> Iterator[str]:
    port = find_free_port()
    command = [sys.executable, "-m", "benchmarks.sink.swallow", str(port)]
    with serving(command, port, bench.folder / "swallow.log") as address:
        yield f"http://{address}"
