"""Frames from mosquitto to Kafka, acknowledged after Kafka has them, beside a forwarder that acknowledges at once."""

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.bridge.frames import begin_session, publish, unacknowledged
from benchmarks.brokers import BROKERS, count_records, delete_topics, mosquitto
from benchmarks.child import Failed, run_module
from benchmarks.figures import Sample, table
from runtime.kafka import ensure_topics
from schemas.topics import RAW_FRAMES, TOPICS

NAME = "bridge"
TITLE = "From mosquitto to Kafka"
CLIENT = "bluflow-bridge"


def measure(bench: Bench) -> Iterator[str]:
    """A table for each broker."""
    for name, broker in BROKERS.items():
        folder = bench.folder / name.replace(" ", "-")
        folder.mkdir()
        try:
            with broker(folder) as address:
                runs = (
                    ("bluflow, acknowledges after Kafka", partial(_once, bench, folder, address, "ours")),
                    ("paho and aiokafka, acknowledges first", partial(_once, bench, folder, address, "forwarder")),
                )
                yield f"**{name}.**\n\n{table(bench.compare(runs), 'frames')}"
        except Failed as failed:
            yield f"**{name}**: {failed}"


def _once(bench: Bench, folder: Path, broker: str, module: str, number: int) -> Sample:
    """A queue of frames worked off. Raises Failed if the topic does not hold each of them, or a frame is not acked."""
    count, prefix = bench.size(2_000, 40_000, 100_000), f"{module}-{number}."
    asyncio.run(ensure_topics(broker, TOPICS, prefix, embedded=True))
    try:
        with mosquitto(folder) as mqtt:
            begin_session(mqtt, CLIENT)
            publish(mqtt, count)
            found = run_module(
                f"benchmarks.bridge.{module}",
                *(mqtt, broker, prefix, count),
                folder=folder,
                seconds=bench.seconds,
                ends=True,  # its last acknowledgements are still on their way out
            )
            left = unacknowledged(mqtt, CLIENT)
        written = count_records(broker, RAW_FRAMES.full_name(prefix), RAW_FRAMES.embedded_partitions)
        if written < count or left:
            raise Failed(f"{written:,} frames in the topic of {count:,}, {left:,} not acknowledged")
        return found
    finally:
        delete_topics(broker, prefix)
