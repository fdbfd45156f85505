"""bytewax: Kafka in and out, event-time windows, its recovery store on. By the peers' Python.

`python -m benchmarks.engine.wax BROKER PREFIX TOPIC RECORDS ADVERTISEMENTS`
"""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import bytewax.operators.windowing as win
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import run_main

from benchmarks.engine.job import QUANTITIES, WINDOW_MS, Job, heard, job, reading_of
from benchmarks.meter import Meter
from schemas.codec import encode


def fold(held: list[float] | None, advertisement: Any) -> list[float]:
    """Count, then min, max, sum of each quantity."""
    found = held or [0.0, *(1e9, -1e9, 0.0) * len(QUANTITIES)]
    found[0] += 1
    for place, name in enumerate(QUANTITIES):
        value, at = advertisement.values[name], 1 + 3 * place
        found[at : at + 3] = [min(found[at], value), max(found[at + 1], value), found[at + 2] + value]
    return found


def main(job: Job) -> None:
    """Work the backlog off; done when the flow has ended: outputs flushed, the last snapshot taken."""
    store = Path(tempfile.mkdtemp(prefix="bluflow-bench-"))
    init_db_dir(store, 1)
    meter, counts = Meter(), {"written": 0}

    def read(message: Any) -> tuple[str, Any] | None:
        meter.begin()
        advertisement = heard(message.value)
        return None if advertisement is None else (advertisement.sensor, advertisement)

    def first(held: Any, advertisement: Any) -> tuple[Any, Any]:
        values = advertisement.values
        if held is not None and held[0] == values["packet_id"]:
            return held, None
        counts["written"] += 1
        return (values["packet_id"], advertisement.measured_at, advertisement.gateway, values), advertisement

    flow = Dataflow("track")
    source = KafkaSource(
        [job.broker], [job.topic], tail=False, batch_size=1000, add_config={"queued.min.messages": "100000"}
    )
    firsts = op.filter_map("read", op.input("backlog", flow, source), read)
    firsts = op.filter_value("first", op.stateful_map("copies", firsts, first), lambda each: each is not None)
    written = op.map("reading", firsts, lambda pair: KafkaSinkMessage(pair[0].encode(), reading_of(pair[1])))
    op.output("readings", written, KafkaSink([job.broker], job.prefix + "readings.v1", add_config={"linger.ms": "5"}))
    clock: Any = win.EventClock(
        ts_getter=lambda each: datetime.fromtimestamp(each.measured_at / 1000, UTC),
        wait_for_system_duration=timedelta(minutes=15),
    )
    windower = win.TumblingWindower(length=timedelta(milliseconds=WINDOW_MS), align_to=datetime(2025, 1, 1, tzinfo=UTC))
    closed = win.fold_window("sums", firsts, clock, windower, lambda: None, fold, lambda one, other: one or other)
    sums = op.map("window", closed.down, lambda pair: KafkaSinkMessage(pair[0].encode(), encode(pair[1])))
    op.output("windows", sums, KafkaSink([job.broker], job.prefix + "windows", add_config={"linger.ms": "5"}))
    run_main(flow, recovery_config=RecoveryConfig(str(store)))
    meter.report(job.advertisements, counts["written"])


if __name__ == "__main__":
    main(job())
