"""bluflow's worker on a backlog: the app as `python -m streams worker` makes it, with the engine's every guarantee.

`python -m benchmarks.engine.ours BROKER PREFIX TOPIC RECORDS ADVERTISEMENTS`. Done when each batch was released: its
outputs and then its states were delivered.
"""

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

import faust

from benchmarks.engine.backlog import PARTITIONS
from benchmarks.engine.job import Job, job
from benchmarks.meter import Meter
from runtime.process import collect_seldom
from runtime.registry import open_registry
from schemas.topics import ADVERTISEMENTS, READINGS, TOPICS, Topic
from streams.app import make_app
from streams.engine import BatchConsumer, States, Work
from streams.places import Places
from streams.settings import StreamsSettings
from streams.track import TrackStage
from tests.conftest import find_free_port


class BacklogPlaces(Places):
    """Reads the backlog that all contestants share, writes into topics of this run."""

    backlog = ""

    def name(self, topic: Topic) -> str:
        return self.backlog if topic is ADVERTISEMENTS else self.prefix + topic.name


def places(prefix: str, backlog: str) -> Places:
    """Every topic of ours in four partitions."""
    found = BacklogPlaces(prefix, {topic.name: topic.embedded_partitions for topic in TOPICS})
    found.__class__.backlog = backlog
    return found


def watch(meter: Meter, places: Places, job: Job) -> None:
    """Hang the meter on the stage's first fold and on the release of its last batch."""
    fold, release = TrackStage.fold, BatchConsumer.release
    counts = {"released": 0, "readings": 0}
    readings = places.name(READINGS)

    def measured_fold(self: TrackStage, records: list[Any], states: States, partition: int) -> Work:
        meter.begin()
        work = fold(self, records, states, partition)
        counts["readings"] += sum(output.topic == readings for output in work.outputs)
        return work

    def measured_release(self: BatchConsumer, batch: Any) -> None:
        release(self, batch)
        counts["released"] += len(batch.records)  # of raw frames there are none
        if counts["released"] == job.records:
            meter.report(job.advertisements, counts["readings"])

    TrackStage.fold = measured_fold  # type: ignore[method-assign]
    BatchConsumer.release = measured_release  # type: ignore[method-assign]


def main() -> None:
    todo = job()
    there = places(todo.prefix, todo.topic)
    assert there.count(ADVERTISEMENTS) == PARTITIONS
    data = Path(tempfile.mkdtemp(prefix="bluflow-bench-"))
    os.environ.clear()  # no setting of ours from outside
    settings = StreamsSettings(broker=todo.broker, topic_prefix=todo.prefix, data=data, port=find_free_port())
    watch(Meter(), there, todo)
    app = make_app(settings, there, open_registry(settings))
    asyncio.set_event_loop_policy(None)
    worker = faust.Worker(app, loglevel="WARN", override_logging=False, redirect_stdouts=False, quiet=True)
    worker.spinner = None
    worker.execute_from_commandline()


if __name__ == "__main__":
    collect_seldom()  # as each of our processes does
    main()
