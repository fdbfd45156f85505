"""Stock Faust as its documentation shows it: records, a table, a windowed table, one event after the other.

`python -m benchmarks.engine.naive BROKER PREFIX TOPIC RECORDS ADVERTISEMENTS`
"""

import asyncio
import logging
import tempfile
from typing import Any

import faust

from benchmarks.engine.backlog import PARTITIONS
from benchmarks.engine.job import QUANTITIES, WINDOW_MS, Job, job
from benchmarks.meter import Meter

YEARS = 100 * 365 * 24 * 3600.0


class Heard(faust.Record, serializer="json"):
    """An advertisement; of a tick, only `kind` is there."""

    kind: str
    sensor: str = ""
    gateway: str = ""
    measured_at: int = 0
    received_at: int = 0
    rssi: int = 0
    values: dict[str, Any] = {}  # noqa: RUF012 - a field


class Told(faust.Record, serializer="json"):
    """A reading, and what is kept as the latest."""

    sensor: str
    gateway: str
    measured_at: int
    received_at: int
    rssi: int
    packet_id: int
    values: dict[str, Any]


class Sums(faust.Record, serializer="json"):
    """A window of a quantity."""

    count: int = 0
    least: float = 1e9
    most: float = -1e9
    sum: float = 0.0


def make_app(job: Job) -> faust.App:
    """The app; reports when the last record was worked off and the producer has flushed."""
    app = faust.App(
        job.prefix + "naive",
        broker=f"kafka://{job.broker}",
        store="memory://",
        datadir=tempfile.mkdtemp(prefix="bluflow-bench-"),
        autodiscover=False,
        topic_partitions=PARTITIONS,
        topic_replication_factor=1,
        topic_disable_leader=True,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=4 << 20,
        broker_max_poll_records=5000,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=2.0,
        broker_rebalance_timeout=15.0,
        producer_acks=-1,
        producer_linger=0.005,
        producer_max_batch_size=256 * 1024,
        stream_recovery_delay=0.0,
        web_enabled=False,
    )
    source = app.topic(job.topic, key_type=bytes, value_type=Heard, partitions=PARTITIONS)
    readings = app.topic(job.prefix + "readings.v1", key_type=str, value_type=Told, partitions=PARTITIONS)
    latest: Any = app.Table("latest", value_type=Told, partitions=PARTITIONS)
    sums: Any = app.Table("sums", value_type=Sums, default=Sums, partitions=PARTITIONS)
    windows = sums.tumbling(float(WINDOW_MS), expires=YEARS).relative_to_field(Heard.measured_at)
    meter, counts = Meter(), {"taken": 0, "written": 0}

    async def track(stream: Any) -> None:
        async for heard in stream:
            meter.begin()
            counts["taken"] += 1
            packet_id = heard.values.get("packet_id")
            held = latest.get(heard.sensor) if heard.kind == "advertisement" else None
            if heard.kind == "advertisement" and (held is None or held.packet_id != packet_id):
                told = Told(
                    heard.sensor,
                    heard.gateway,
                    heard.measured_at,
                    heard.received_at,
                    heard.rssi,
                    packet_id,
                    {name: value for name, value in heard.values.items() if name != "packet_id"},
                )
                latest[heard.sensor] = told
                for quantity in QUANTITIES:
                    key, value = f"{heard.sensor}|{quantity}", heard.values[quantity]
                    held_sums = windows[key].value()
                    windows[key] = Sums(
                        held_sums.count + 1,
                        min(held_sums.least, value),
                        max(held_sums.most, value),
                        held_sums.sum + value,
                    )
                await readings.send(key=heard.sensor, value=told)
                counts["written"] += 1
            if counts["taken"] == job.records:
                producer: Any = app.producer
                await producer.flush()
                meter.report(job.advertisements, counts["written"])

    app.agent(source, name="track")(track)

    async def quiet() -> None:
        # at loglevel WARN Faust's spinner makes a log record of every debug call: a fifth of the time
        logging.root.setLevel(logging.WARNING)

    app.task(quiet)
    return app


if __name__ == "__main__":
    asyncio.set_event_loop_policy(None)
    app = make_app(job())
    worker = faust.Worker(app, loglevel="WARN", override_logging=False, redirect_stdouts=False, quiet=True)
    worker.spinner = None
    worker.execute_from_commandline()
