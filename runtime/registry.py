"""The registry as every process holds it: the topic's entries over those of `sensors.yaml`, current without a restart.

The topic is small and changes by hand: once a second it is asked whether it has grown, and only then read on. So a
process that only follows it costs next to nothing.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import NoReturn

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from runtime.kafka import partitions_for, stop_consumer
from runtime.kafka_login import kafka_login
from runtime.sensors_file import SensorsFile, open_sensors
from runtime.sessions import BeginAnew, Sessions
from runtime.settings import Settings
from runtime.snapshot import snapshot
from schemas.codec import decode_entry
from schemas.registry import Entry, Registry
from schemas.topics import SENSORS

log = logging.getLogger("bluflow.registry")

LOOK_SECONDS = 1.0
CATCH_UP_SECONDS = 5.0
LONGEST_PAUSE = 10.0  # seconds between two tries, while the broker is away
_PATIENCE = 60  # polls of a second without a record that is known to be there

Told = Mapping[str, Entry]  # what the topic says, by sensor


class SensorRegistry(Sessions):
    """`registry` is replaced, never changed in place, and may be read from any thread.

    `problem` says why it may lag behind the topic, None when it does not. `told` is what the topic says, alone.
    """

    def __init__(self, file: SensorsFile, broker: str, topic: str) -> None:
        super().__init__(log, topic, broker, (LOOK_SECONDS, LONGEST_PAUSE))
        self.file, self.registry = file, file.registry
        self.told: Told = {}
        self.on_told: Callable[[Told], None] = lambda told: None
        self.loaded = asyncio.Event()
        self._topic = topic
        self._merged_from: tuple[Registry, Told] = file.registry, self.told
        self._wake = asyncio.Event()
        self._looked, self._looks, self._looking = asyncio.Condition(), 0, False

    def refresh(self) -> str | None:
        """Read the file again if it has changed. Gives an error's line, once; what was held before then stays."""
        problem = self.file.refresh()
        self.merge()
        return problem

    async def refresh_aside(self) -> str | None:
        """`refresh` for an event loop: the file is read in another thread, as a long one takes its time."""
        problem = await asyncio.to_thread(self.file.refresh)
        self.merge()
        return problem

    def current(self) -> Registry:
        """The registry as file and topic say it now; what is wrong in the file is a line in the log."""
        if wrong := self.refresh():
            log.warning("registry: %s; what was read before stays in use", wrong)
        return self.registry

    async def until_loaded(self) -> None:
        """Return once the topic was read to its end, however long the broker is away."""
        following = asyncio.create_task(self.run())
        try:
            await self.loaded.wait()
        finally:
            following.cancel()
            await asyncio.wait([following])

    async def catch_up(self) -> None:
        """Return once what the topic holds now was read by `run`. Raises TimeoutError if the broker is away again."""
        enough = self._looks + 1 + self._looking  # a look that has begun may have asked too early
        self._wake.set()
        try:
            async with asyncio.timeout(CATCH_UP_SECONDS), self._looked:
                await self._looked.wait_for(lambda: self._looks >= enough)
        except TimeoutError:
            raise TimeoutError("it is written, but could not be read back yet") from None

    async def _session(self) -> NoReturn:
        """From the topic's beginning to its end, and on. Raises BeginAnew, KafkaError, OSError."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._broker,
            client_id="bluflow-registry",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            **kafka_login(),
        )
        self._wake = asyncio.Event()  # of this event loop: the worker reads in one before Faust has its own
        try:
            await consumer.start()
            places = [TopicPartition(self._topic, number) for number in await partitions_for(consumer, self._topic)]
            if not places:
                raise BeginAnew(f"topic {self._topic} is not on {self._broker}; make it with: bluflow topics --create")
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            told: dict[str, Entry] = {}
            while True:
                self._wake.clear()
                self._looking = True
                if await _read_on(consumer, places, told) or self.problem is not None:
                    self._adopt(told)
                self._looking = False
                async with self._looked:
                    self._looks += 1
                    self._looked.notify_all()
                try:
                    await asyncio.wait_for(self._wake.wait(), LOOK_SECONDS)
                except TimeoutError:
                    continue
        finally:
            await stop_consumer(consumer)

    def _adopt(self, told: Told) -> None:
        if told != self.told:
            self.told = dict(told)
            self.merge()
            self.on_told(self.told)
        if self.problem is not None:
            log.info("registry: %d entries in %s, %d in all", len(told), self._topic, len(self.registry.entries))
        self._report(None)
        self.loaded.set()

    def merge(self) -> None:
        """Make it anew, if one of the two has changed. Call it from one thread alone."""
        sources = self.file.registry, self.told
        if sources[0] is not self._merged_from[0] or sources[1] is not self._merged_from[1]:
            self.registry, self._merged_from = merged(*sources), sources


def open_registry(settings: Settings, broker: str = "") -> SensorRegistry:
    """Of the settings' file and topic; nothing is connected yet. Raises InvalidSensors for the file."""
    return SensorRegistry(open_sensors(settings), broker or settings.broker, settings.topic(SENSORS))


async def read_told(broker: str, topic: str) -> Told:
    """What the topic says now. Raises NoSuchTopic, KafkaError."""
    told: dict[str, Entry] = {}
    async for record in snapshot(broker, topic):
        apply(told, record)
    return told


def merged(file: Registry, told: Told) -> Registry:
    """The registry of both: of a sensor that both have, the topic's entry counts."""
    return Registry([*file.entries.values(), *told.values()])


def apply(told: dict[str, Entry], record: ConsumerRecord) -> bool:
    """One record of the topic; whether it counts: it does not if it cannot be read, or its revision is no higher."""
    try:
        sensor = (record.key or b"").decode()
        if record.value is None:
            told.pop(sensor, None)
            return True
        entry = decode_entry(record.value)
        if entry.sensor != sensor:
            raise ValueError(f"of {entry.sensor[:40]!r} under the key of {sensor[:40]!r}")
    except (ValueError, RecursionError) as error:  # msgspec's and Unicode errors are ValueErrors
        origin = f"{record.topic}:{record.partition}:{record.offset}"
        log.warning("registry: skipping %s: %s", origin, error, extra={"origin": origin})
        return False
    if sensor in told and told[sensor].revision >= entry.revision:
        return False
    told[sensor] = entry
    return True


async def _read_on(consumer: AIOKafkaConsumer, places: list[TopicPartition], told: dict[str, Entry]) -> bool:
    """To where the topic ends now; whether anything came. Nothing is fetched while nobody waits for it."""
    ends = await consumer.end_offsets(places)
    at = {place: await consumer.position(place) for place in places}
    if any(ends[place] < at[place] for place in places):
        raise BeginAnew(f"the broker lost the end of {places[0].topic}")
    if ends == at:
        return False
    vain = 0
    consumer.resume(*places)
    while any([await consumer.position(place) < ends[place] for place in places]):
        found = await consumer.getmany(*places, timeout_ms=1000)
        vain = 0 if found else vain + 1
        if vain > _PATIENCE:
            raise KafkaError("no records come any more")
        for records in found.values():
            for record in records:
                apply(told, record)
    consumer.pause(*places)
    return True
