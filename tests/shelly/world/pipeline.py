"""A world's messages through the worker's own stages, in memory: readings, and the truth beside."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

from cli.truth_compared import Held
from schemas.codec import decode_delivery, decode_reading
from schemas.delivery import Delivery
from schemas.frame import Frame, frame_key, tick_headers
from schemas.reading import Reading
from schemas.topics import ADVERTISEMENTS, DEAD_LETTERS, DELIVERIES, RAW_FRAMES, READINGS, TOPICS
from shelly.world.message import Message
from shelly.world.scenario import Scenario
from shelly.world.truth import head_of, line_of, write
from shelly.world.truth_file import Truth, parse_truth
from shelly.world.world import World
from streams.decode import DecodeStage
from streams.engine import Output, States
from streams.places import Places
from streams.track import TrackStage

START = 1_800_000_000_120
LATENCY, TICK = 40, 30_000
_BATCH = 200


def tell(scenario: Scenario, start: int = START) -> tuple[Truth, list[Frame]]:
    """The truth of a world that the MQTT broker never fails, and its messages as the bridge gets them."""
    world = World(scenario, start)
    lines, frames = [write(head_of(world, 1))], list(_inventory(world))
    for happening in world.happenings():
        lines.append(write(line_of(happening)))
        if isinstance(happening, Message):
            frames.append(Frame(happening.topic, happening.payload, happening.at + LATENCY, happening.qos))
    return parse_truth(lines, "truth"), frames


def _inventory(world: World) -> Iterator[Frame]:
    """What the inventory is answered by the gateways that have components."""
    for gateway in world.gateways:
        offset, total = 0, 1 if gateway.components else 0
        while gateway.components and offset < total:
            question = {"id": 1, "src": f"bluflow/{gateway.name}", "method": "Shelly.GetComponents"}
            asked = json.dumps({**question, "params": {"offset": offset}}).encode()
            answer = gateway.components.answer(f"{gateway.name}/rpc", asked)
            assert answer is not None
            page = json.loads(answer[1])["result"]
            offset, total = offset + len(page["components"]), page["total"]
            yield Frame(*answer, world.start)


class Pipeline:
    """Decode and track of one partition each; `readings`, `deliveries`, `dead_letters`: all that they wrote."""

    def __init__(self, keys: dict[str, bytes]) -> None:
        places = Places("", {topic.name: 1 for topic in TOPICS})
        self._decode, self._track = DecodeStage(places, lambda: keys), TrackStage(places)
        self._states: tuple[States, States] = ({}, {})
        self._offset = 0
        self.readings: list[Reading] = []
        self.deliveries: list[Delivery] = []
        self.dead_letters: list[Output] = []

    def fold(self, frames: Iterable[Frame], *, ticks: int = 2) -> None:
        """All of them, with the bridge's ticks between and so many after them, in batches."""
        batch: list[Any] = []
        ticked = 0
        for frame in frames:
            if not ticked or frame.received_at - ticked >= TICK:
                ticked = frame.received_at
                batch.append(self._record(b"", b"", tick_headers(ticked), ticked))
            batch.append(self._record(frame_key(frame.topic), frame.payload, frame.headers(), frame.received_at))
            if len(batch) >= _BATCH:
                self._fold(batch)
                batch = []
        for late in range(TICK, (ticks + 1) * TICK, TICK):
            batch.append(self._record(b"", b"", tick_headers(ticked + late), ticked + late))
        self._fold(batch)

    def _record(self, key: bytes, value: bytes, headers: Any, at: int) -> Any:
        self._offset += 1
        place = {"topic": RAW_FRAMES.name, "partition": 0, "offset": self._offset, "timestamp": at}
        return SimpleNamespace(key=key, value=value, headers=headers, **place)

    def _fold(self, records: list[Any]) -> None:
        decoded = self._decode.fold(records, self._states[0], 0).outputs
        told = [output for output in decoded if output.topic == ADVERTISEMENTS.name]
        tracked = self._track.fold(
            [
                SimpleNamespace(
                    topic=output.topic,
                    partition=0,
                    offset=0,
                    key=output.key,
                    value=output.value,
                    headers=[],
                    timestamp=1,
                )
                for output in told
            ],
            self._states[1],
            0,
        ).outputs
        self.dead_letters += [each for each in (*decoded, *tracked) if each.topic == DEAD_LETTERS.name]
        self.deliveries += [decode_delivery(each.value or b"") for each in tracked if each.topic == DELIVERIES.name]
        self.readings += [decode_reading(each.value or b"") for each in tracked if each.topic == READINGS.name]

    @property
    def hours(self) -> dict[tuple[str, int], Delivery]:
        """The newest delivery record of each sensor and hour, by the hour's start."""
        found: dict[tuple[str, int], Delivery] = {}
        for one in self.deliveries:
            key = one.sensor, one.start
            if key not in found or one.revision > found[key].revision:
                found[key] = one
        return found

    @property
    def held(self) -> dict[str, list[Held]]:
        """The readings by sensor, as the history has them."""
        found: dict[str, list[Held]] = defaultdict(list)
        for reading in self.readings:
            found[reading.sensor].append(Held(reading.packet_id, reading.measured_at, reading.values))
        return found


def keys_of(scenario: Scenario, start: int = START) -> dict[str, bytes]:
    """Bind keys by sensor."""
    return {sensor.mac: sensor.key for sensor in World(scenario, start).sensors if sensor.key}


def decoded(scenario: Scenario, start: int = START, *, ticks: int = 2) -> tuple[Truth, Pipeline]:
    """The truth of a scenario, and all that the worker made of it, with so many ticks after it."""
    truth, frames = tell(scenario, start)
    pipeline = Pipeline(keys_of(scenario, start))
    pipeline.fold(frames, ticks=ticks)
    return truth, pipeline
