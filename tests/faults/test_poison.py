"""Bad frames and garbage in every topic, in the middle of good traffic: dead letters with their bytes, nothing else."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.publish as mqtt_publish
import pytest
from aiokafka import AIOKafkaProducer

from schemas.topics import ADVERTISEMENTS, AGGREGATES, DEAD_LETTERS, RAW_FRAMES, READINGS
from tests.faults.pipeline import Pipeline
from tests.faults.trial import Trial

STAGES = (RAW_FRAMES, ADVERTISEMENTS, READINGS, AGGREGATES)
GARBAGE = (
    b"%s",
    b"\xff\xfe %s",
    b'{"kind": "%s"}',
    b'["%s"',
    b'{"sensor": "%s", "measured_at": 1e999}',
    b"[" * 5000 + b"%s",
)


def bad_frames(data: Path) -> list[tuple[str, bytes]]:
    """Topic and payload of every frame that must be refused whole."""
    frames = json.loads((data / "shelly-frames.json").read_text())
    found = []
    for frame in frames:
        if frame.get("expect") == "reject":
            payload = frame["payload"]
            text = payload if isinstance(payload, str) else json.dumps(payload)
            found.append((frame["topic"], text.encode("latin-1" if frame["name"].endswith("latin1") else "utf-8")))
    return found


async def produce(broker: str, prefix: str, block: int) -> list[bytes]:
    """Garbage into every stage's topic, all partitions' share; gives what was written."""
    producer = AIOKafkaProducer(bootstrap_servers=broker, acks="all")
    await producer.start()
    written = []
    try:
        for topic in STAGES:
            for number, shape in enumerate(GARBAGE):
                value = shape % f"{topic.name} {block}".encode()
                await producer.send_and_wait(prefix + topic.name, value, key=b"poison-%d" % number)
                written.append(value)
    finally:
        await producer.stop()
    return written


@pytest.mark.timeout(600)
def test_garbage_at_every_stage(block: int, data: Path, pipeline: Pipeline, trial: Callable[..., Trial]) -> None:
    restarts = dict(pipeline.restarts)
    under = trial(pipeline, "poison at every stage", seconds=8)
    frames = bad_frames(data)
    host, port = pipeline.mqtt.split(":")
    for topic, payload in frames:
        mqtt_publish.single(topic, payload, qos=1, hostname=host, port=int(port))
    garbage = asyncio.run(produce(pipeline.kafka, pipeline.prefix, block))
    under.conclude()
    wanted = {*garbage, *(payload for _, payload in frames)}

    def unburied() -> set[bytes]:
        return wanted - {value for _, value in asyncio.run(under.evidence.records(DEAD_LETTERS.name))}

    pipeline.until(lambda: not unburied(), 30, f"a dead letter each: {unburied()}")
    assert pipeline.restarts == restarts, "whatever comes, no process ends by it"
