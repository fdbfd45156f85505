"""What a worker's track stage gets, minute after minute, from sensors that have spoken for an hour and a half."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from benchmarks.end_to_end.lived import lived
from benchmarks.end_to_end.plan import EVERY, Plan
from benchmarks.engine.backlog import PARTITIONS
from runtime.kafka import partition_of
from schemas.advertisement import Coordinate, Tick
from schemas.codec import encode
from schemas.frame import Frame
from schemas.topics import ADVERTISEMENTS, TOPICS
from streams.formats import decode_frame
from streams.places import Places
from streams.track import TrackStage

START = 1_759_623_000.0  # unix seconds; ten past an hour
STEP = 5.0  # seconds of traffic that a batch holds, and ticks are apart

Batch = tuple[int, list[Any]]  # partition and its records


def plan_of(sensors: int, minutes: int) -> Plan:
    """Each sensor speaks once a minute."""
    return Plan(mqtt="", sensors=sensors, seconds=minutes * EVERY, start=START)


def batches(plan: Plan) -> Iterator[Batch]:
    """Advertisements as decode writes them, and the ticks of as many raw partitions, in order."""
    place, offset = 0, 0
    for step in range(int(plan.seconds / STEP)):
        time = round((START + step * STEP) * 1000)
        ticks = [encode(Tick(time, Coordinate(0, raw_partition, offset, 0))) for raw_partition in range(PARTITIONS)]
        waiting = [ticks[:] for _ in range(PARTITIONS)]
        while place < plan.packets and plan.due(place) < START + (step + 1) * STEP:
            offset += 1
            topic, payload = plan.message(place)
            frame = Frame(topic.decode(), payload, round(plan.due(place) * 1000) + 30)
            [said] = decode_frame(frame, {}, offset=offset, partition=plan.gateway(place) % PARTITIONS).advertisements
            waiting[partition_of(said.sensor.encode(), PARTITIONS)].append(encode(said))
            place += 1
        yield from ((partition, [_record(value) for value in each]) for partition, each in enumerate(waiting))


def _record(value: bytes) -> Any:
    return SimpleNamespace(topic=ADVERTISEMENTS.name, partition=0, offset=0, key=b"", value=value)


class Fold:
    """The stage with its tables, on which batches are folded one after the other."""

    def __init__(self, plan: Plan) -> None:
        self._stage = TrackStage(Places("", {topic.name: PARTITIONS for topic in TOPICS}))
        self._states: list[dict[bytes, Any]] = [{} for _ in range(PARTITIONS)]
        for partition, key, value in lived(plan):
            self._states[partition][key] = value

    def take(self, batch: Batch) -> int:
        """How many outputs came of it."""
        partition, records = batch
        return len(self._stage.fold(records, self._states[partition], partition).outputs)
