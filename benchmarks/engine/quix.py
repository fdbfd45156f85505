"""quixstreams: its state in RocksDB with a changelog topic, its tumbling windows. By the peers' Python.

`python -m benchmarks.engine.quix BROKER PREFIX TOPIC RECORDS ADVERTISEMENTS`
"""

import tempfile
from typing import Any

from quixstreams import Application
from quixstreams.dataframe.windows import Count, Max, Min, Sum

from benchmarks.engine.job import QUANTITIES, WINDOW_MS, Job, heard, job, reading_of
from benchmarks.meter import Meter


def main(job: Job) -> None:
    """Work the backlog off; done when the last checkpoint is committed: outputs and changelogs flushed."""
    app = Application(
        broker_address=job.broker,
        consumer_group=job.prefix + "quix",
        auto_offset_reset="earliest",
        commit_interval=1.0,
        state_dir=tempfile.mkdtemp(prefix="bluflow-bench-"),
        use_changelog_topics=True,
        loglevel="ERROR",
        producer_extra_config={"linger.ms": 5},
    )
    source = app.topic(job.topic, value_deserializer="bytes", key_deserializer="bytes")
    readings = app.topic(job.prefix + "readings.v1", value_serializer="bytes", key_serializer="bytes")
    windows = app.topic(job.prefix + "windows", value_serializer="json", key_serializer="bytes")
    meter, counts = Meter(), {"taken": 0, "written": 0}

    def read(value: bytes) -> Any:
        meter.begin()
        counts["taken"] += 1
        if counts["taken"] == job.records:
            app.stop()
        return heard(value)

    def is_first(advertisement: Any, state: Any) -> bool:
        packet_id = advertisement.values["packet_id"]
        held = state.get("latest")
        if held is not None and held["packet_id"] == packet_id:
            return False
        latest = {"measured_at": advertisement.measured_at, "gateway": advertisement.gateway}
        state.set("latest", {**latest, **advertisement.values})
        counts["written"] += 1
        return True

    firsts = app.dataframe(source).apply(read).filter(lambda each: each is not None).filter(is_first, stateful=True)
    firsts = firsts.set_timestamp(lambda each, *_: each.measured_at)
    firsts.apply(reading_of).to_topic(readings)
    sums: dict[str, Any] = {"count": Count()}
    for quantity in QUANTITIES:
        of = {"min": Min, "max": Max, "sum": Sum}
        sums |= {f"{quantity}_{name}": aggregate(quantity) for name, aggregate in of.items()}
    values = firsts.apply(lambda each: {name: each.values[name] for name in QUANTITIES})
    values.tumbling_window(WINDOW_MS, grace_ms=900_000).agg(**sums).final().to_topic(windows)
    app.run()
    meter.report(job.advertisements, counts["written"])


if __name__ == "__main__":
    main(job())
