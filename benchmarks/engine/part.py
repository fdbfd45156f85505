"""The track stage on a backlog, beside others that do the same or less of the work."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.bench import Bench, Run
from benchmarks.brokers import BROKERS, count_records, delete_topics, embedded
from benchmarks.child import Failed, run_module
from benchmarks.engine.backlog import PARTITIONS, Backlog, load
from benchmarks.figures import Sample, table
from runtime.kafka import ensure_topics
from schemas.topics import READINGS, TOPICS, Topic

NAME = "engine"
TITLE = "The track stage on a backlog"
SENSORS = (1_000, 100_000)
# noida-db holds its topics in memory and answers nobody while it writes them all into its file
MOST_EMBEDDED = 200_000
LEAST_EACH = 3  # advertisements a sensor at least: a state's first is not like the others
CONTESTANTS = {
    "bluflow": ("ours", False),
    "plain aiokafka, same fold, no order kept": ("plain", False),
    "Faust, naive": ("naive", False),
    "quixstreams": ("quix", True),
    "bytewax, recovery store": ("wax", True),
}


def measure(bench: Bench) -> Iterator[str]:
    """A table for each broker and number of sensors."""
    for name, broker in BROKERS.items():
        folder = bench.folder / name.replace(" ", "-")
        folder.mkdir()
        count = bench.size(3_000, 60_000, 1_000_000)
        if broker is embedded:
            count = min(count, MOST_EMBEDDED)
        for wanted in SENSORS:
            sensors = min(wanted, count // LEAST_EACH)
            place = folder / str(wanted)
            place.mkdir()
            try:
                # a broker of its own: what is left in it of one backlog must not weigh on the other
                with broker(place) as address:
                    yield f"**{name}, {sensors:,} sensors.** " + _on(bench, place, address, count, sensors)
            except Failed as failed:
                yield f"**{name}**: {failed}"


def _on(bench: Bench, folder: Path, broker: str, count: int, sensors: int) -> str:
    backlog = asyncio.run(load(broker, "backlog", count, sensors))
    small = asyncio.run(load(broker, "backlog-small", bench.size(3_000, 6_000, 20_000), sensors))

    def contestants() -> Iterator[tuple[str, Run]]:
        for title, (module, peers) in CONTESTANTS.items():
            chosen = small if module == "naive" else backlog
            yield title, partial(_once, bench, folder, broker, module, peers, chosen)

    outcomes = bench.compare(contestants())
    said = (
        f"{backlog.advertisements:,} advertisements, {backlog.packets:,} of them first copies "
        f"(naive Faust: {small.advertisements:,} and {small.packets:,})."
    )
    return f"{said}\n\n{table(outcomes, 'advertisements', 'readings written')}"


def _once(bench: Bench, folder: Path, broker: str, module: str, peers: bool, backlog: Backlog, number: int) -> Sample:
    """One run in topics of its own, which go afterwards. Raises Failed, also if the readings are not the right ones."""
    prefix = f"{module}-{number}."
    # kept for ever: quixstreams writes with the time of the event
    windows = Topic("windows", "sensor", "", "delete", None)
    topics = [replace(topic, retention=None, partitions=topic.embedded_partitions) for topic in (*TOPICS, windows)]
    asyncio.run(ensure_topics(broker, topics, prefix, embedded=False))
    try:
        found = run_module(
            f"benchmarks.engine.{module}",
            *(broker, prefix, backlog.topic, backlog.records, backlog.advertisements),
            folder=folder,
            seconds=bench.seconds,
            peers=peers,
        )
        written = count_records(broker, READINGS.full_name(prefix), PARTITIONS)
        if not found.outputs == written == backlog.packets:
            raise Failed(f"{found.outputs:,} readings said, {written:,} in the topic, of {backlog.packets:,} packets")
        return found
    finally:
        delete_topics(broker, prefix)
