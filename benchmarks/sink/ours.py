"""`python -m benchmarks.sink.ours sqlite|influxdb PLACE COUNT`: the history's target as the sink process runs it, from
the bytes of records to their commit in the store. PLACE: a file, or the server's URL.
"""

import asyncio
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.meter import Meter
from benchmarks.sink.readings import POINTS, batches
from history.influx import InfluxHistory
from history.influx_server import InfluxServer
from history.sqlite import SqliteHistory
from runtime.process import collect_seldom
from streams.sinks.history import HistoryTarget


async def main(engine: str, place: str, count: int) -> None:
    """Batch after batch, as the sink does: the next when the last one is durable."""
    collect_seldom()  # as each of our processes does
    sqlite = engine == "sqlite"
    store: Any = SqliteHistory(Path(place)) if sqlite else InfluxHistory(InfluxServer(place, "bench"), "bench")
    target, given, meter = HistoryTarget(store), batches(count), Meter()
    meter.begin()
    for batch in given:
        records: Any = [SimpleNamespace(value=value) for value in batch]
        await target.write([target.decode(record) for record in records])
    points = count if sqlite else count * POINTS
    meter.report(points, points)
    await target.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3], int(sys.argv[3])))  # type: ignore[call-arg, arg-type]
