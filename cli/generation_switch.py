"""THE PICTURE of a switch: the history goes from one generation's sinks to another's, which begin where this ends.

Nobody's sinks run meanwhile. Once the new worker has folded every frame that the old sinks can have written something
of, all packets that are written stand before the ends of the new topics as they are then. What of them is not in the
history is written here, packet by packet (`streams/handover.py`); the new sinks begin at those ends. Whatever breaks
off is done again by running it again: what was written is found in the history.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import NamedTuple

from aiokafka import ConsumerRecord

from cli.generation_broker import Offsets, lag
from cli.generation_status import SINKS, Generations, shown
from cli.registry import registry_for
from cli.unusable import Unusable
from history.open import open_rebuilder, open_writer
from history.store import HistoryRebuilder, HistoryWriter, StoreMisconfigured
from runtime.settings import SettingsError, load
from runtime.snapshot import snapshot
from schemas.advertisement import Advertisement, Coordinate
from schemas.aggregate import DAY, SECOND, Aggregate
from schemas.delivery import Delivery
from schemas.frame import received_at
from schemas.freshness import CLOCK_AHEAD_MS
from schemas.reading import Reading
from schemas.topics import (
    ADVERTISEMENTS,
    AGGREGATES,
    DEAD_LETTERS,
    DELIVERIES,
    RAW_FRAMES,
    READINGS,
    Topic,
    sink_group,
    worker_group,
)
from streams.deduplicate import WINDOW_MS
from streams.handover import CLOSES_AFTER_MS, Since, closes_at, unheld
from streams.sinks.aggregates import AggregatesTarget
from streams.sinks.dead_letters import DeadLetter, deliver
from streams.sinks.deliveries import DeliveriesTarget
from streams.sinks.history import HistoryTarget
from streams.sinks.settings import SinkSettings
from streams.sinks.target import Item, Target, Undecodable, write_all_but_rejected
from streams.track import Unreadable, read_advertisement

FOLDED_WITHIN = 120.0  # seconds for the new worker to fold what is in the raw log; it has caught up before
_LOOK_SECONDS = 0.2
_SLOWER = 5.0  # seconds more than a session, until a member that was stopped is gone


class Switched(NamedTuple):
    """Readings written and refused by the store, of how many sensors; windows and hours of deliveries taken over;
    looked at since when."""

    readings: int
    rejected: int
    sensors: int
    windows: int
    hours: int
    since: int


@dataclass(frozen=True, slots=True)
class Switch:
    """From the generation `old` to `new`. Unless `write`, it only counts. `group`: whose sinks, as SINKS_GROUP says."""

    generations: Generations
    old: str
    new: str
    held: HistoryRebuilder
    writer: HistoryWriter
    write: bool = True
    patience: float = FOLDED_WITHIN
    group: str = ""

    async def run(self, session_seconds: float) -> Switched:
        """Do it. `session_seconds`: after so long a sink that was stopped is gone from its group.

        Raises Unusable, KafkaError, StoreUnavailable; then the sinks' places are as they were.
        """
        for generation in (self.old, self.new):
            if missing := self.generations.missing(generation):
                raise Unusable(f"generation {shown(generation)} lacks {missing} of its topics on this broker")
        if self.write:
            groups = [self._group(sink, each) for each in (self.old, self.new) for sink in SINKS]
            await self.generations.broker.until_empty(groups, session_seconds)
        await self._until_folded()
        ends = {sink: await self._ends(sink) for sink in SINKS}
        since = await self._since()
        readings, rejected, sensors = await self._hand_readings(since)
        windows = await self._hand_windows(since)
        hours = await self._hand_hours(since)
        if self.write:
            for sink, offsets in ends.items():
                await self.generations.broker.commit(self._group(sink, self.new), offsets)
        return Switched(readings, rejected, sensors, windows, hours, since.earliest)

    async def _until_folded(self) -> None:
        """Until the new worker has made all that it makes of the frames that are in the raw log now."""
        waits = asyncio.get_running_loop().time() + self.patience
        for topic in (RAW_FRAMES, ADVERTISEMENTS):  # what decode has committed is in the advertisements
            name, count = self.generations.place(topic, self.new)
            broker, group = self.generations.broker, worker_group(self.generations.prefix, self.new)
            ends, begins = await broker.ends(name, count), await broker.begins(name, count)
            while left := lag(begins, ends, await broker.committed(group, name)):
                if asyncio.get_running_loop().time() > waits:
                    raise Unusable(
                        f"the worker of generation {shown(self.new)} has {left} records of {name} before it: "
                        "let it catch up first (bluflow generation status)"
                    )
                await asyncio.sleep(_LOOK_SECONDS)

    async def _ends(self, sink: str) -> Offsets:
        return await self.generations.broker.ends(*self.generations.place(SINKS[sink], self.new))

    async def _since(self) -> Since:
        """What the old side has left. In the order of a frame's way: what moves on meanwhile is seen twice."""
        clock, worker = await self.generations.clock(self.old), worker_group(self.generations.prefix, self.old)
        if clock > time.time_ns() // 1_000_000 + CLOCK_AHEAD_MS:
            clock = 0  # the bridge's is wrong, and arrivals tell nothing of when the topics were written
        arrival, unwritten = clock, list[tuple[str, int]]()
        async for record in self._left(worker, RAW_FRAMES):
            arrival = min(arrival, received_at(record.headers) or clock)  # a frame that was redriven is older
        async for record in self._left(worker, ADVERTISEMENTS):
            with suppress(Unreadable):
                read = read_advertisement(record.value or b"")
                if isinstance(read, Advertisement):
                    unwritten.append((read.sensor, read.received_at))
        readings = self._left(self._group("history", self.old), READINGS)
        unwritten += [(each.sensor, each.received_at) async for _, each in _readable(readings, self._history)]
        windows = self._left(self._group("aggregates", self.old), AGGREGATES)
        unwritten += [(each.sensor, closes_at(each)) async for _, each in _readable(windows, self._aggregates)]
        hours = self._left(self._group("deliveries", self.old), DELIVERIES)
        unwritten += [(each.sensor, closes_at(each)) async for _, each in _readable(hours, self._deliveries)]
        return Since(arrival, unwritten)

    async def _left(self, group: str, topic: Topic) -> AsyncIterator[ConsumerRecord]:
        """What a group of the old generation has not taken."""
        name, _ = self.generations.place(topic, self.old)
        begins = await self.generations.broker.committed(group, name)
        async for record in snapshot(self.generations.broker.address, name, begins=begins):
            yield record

    async def _hand_readings(self, since: Since) -> tuple[int, int, int]:
        """Write what the history does not hold: how many, how many it refused, of how many sensors."""
        written, rejected, sensors = 0, 0, 0
        async for records in self._partitions(READINGS, since.earliest):
            made: defaultdict[str, list[Reading]] = defaultdict(list)
            places, letters = dict[tuple[str, Coordinate], ConsumerRecord](), list[DeadLetter]()
            async for record, reading in _readable(records, self._history, letters):
                if reading.received_at >= since.of(reading.sensor):
                    made[reading.sensor].append(reading)
                    places[reading.sensor, reading.at] = record
            for sensor, readings in made.items():
                missing = await self._missing(sensor, readings)
                refused = await write_all_but_rejected(self.writer.write, missing) if missing and self.write else []
                letters += [DeadLetter(places[sensor, missing[at].at], "rejected", why) for at, why in refused]
                written, rejected = written + len(missing) - len(refused), rejected + len(refused)
                sensors += bool(missing)
            await self._bury("history", letters)
        return written, rejected, sensors

    async def _missing(self, sensor: str, made: list[Reading]) -> list[Reading]:
        times = [reading.measured_at for reading in made]
        span = min(times) - WINDOW_MS, max(times) + WINDOW_MS + 1
        return unheld(made, [reading async for reading in self.held.readings(sensor, *span)])

    async def _bury(self, sink: str, letters: list[DeadLetter]) -> None:
        """As the sink would, which begins behind them."""
        if letters and self.write:
            topic = DEAD_LETTERS.full_name(self.generations.prefix)
            await deliver(self.generations.broker.address, topic, sink, letters, self.new)

    async def _hand_windows(self, since: Since) -> int:
        """Put windows that the old sinks may not have written as final in the place of what is held: how many."""
        # the newest record of a day's window may be as old as the day
        first, count = max(0, since.earliest - DAY * SECOND - CLOSES_AFTER_MS), 0
        async for records in self._partitions(AGGREGATES, first):
            newest: defaultdict[str, dict[bytes, Aggregate]] = defaultdict(dict)
            letters = list[DeadLetter]()
            async for _, aggregate in _readable(records, self._aggregates, letters):
                held = newest[aggregate.sensor].get(aggregate.key)
                late = closes_at(aggregate) >= since.of(aggregate.sensor)
                if late and (held is None or aggregate.revision > held.revision):
                    newest[aggregate.sensor][aggregate.key] = aggregate
            for sensor, windows in newest.items():
                if windows and self.write:
                    await self.held.take_over(sensor, list(windows.values()), since.of(sensor) - CLOSES_AFTER_MS)
                count += len(windows)
            await self._bury("aggregates", letters)
        return count

    async def _hand_hours(self, since: Since) -> int:
        """Put the hours of deliveries that the old sinks may not have written as final in the place of what is held."""
        day, count = DAY * SECOND, 0  # an hour is told again when a silence ends, of hours, of which ids can tell
        first = max(0, since.earliest - day)
        async for records in self._partitions(DELIVERIES, first):
            newest, letters = dict[bytes, Delivery](), list[DeadLetter]()
            async for _, hour in _readable(records, self._deliveries, letters):
                held = newest.get(hour.key)
                late = hour.start >= since.of(hour.sensor) - day
                if late and (held is None or hour.revision > held.revision):
                    newest[hour.key] = hour
            if newest and self.write:
                await self.held.take_over_deliveries(list(newest.values()))
            count += len(newest)
            await self._bury("deliveries", letters)
        return count

    async def _partitions(self, topic: Topic, since: int) -> AsyncIterator[AsyncIterator[ConsumerRecord]]:
        """The new generation's records since then, a partition at once: a sensor's are all in one."""
        name, count = self.generations.place(topic, self.new)
        for number in range(count):
            async with aclosing(snapshot(self.generations.broker.address, name, since, partition=number)) as records:
                yield records

    @property
    def _history(self) -> HistoryTarget:
        return HistoryTarget(self.writer)

    @property
    def _aggregates(self) -> AggregatesTarget:
        return AggregatesTarget(self.writer)

    @property
    def _deliveries(self) -> DeliveriesTarget:
        return DeliveriesTarget(self.writer)

    def _group(self, sink: str, generation: str) -> str:
        return sink_group(self.generations.prefix, sink, SINKS[sink], generation, self.group)


async def _readable(
    records: AsyncIterator[ConsumerRecord], target: Target[Item], letters: list[DeadLetter] | None = None
) -> AsyncIterator[tuple[ConsumerRecord, Item]]:
    """The records with what the sink makes of them; what it cannot read goes to the `letters`."""
    async for record in records:
        try:
            item = target.decode(record)
        except Undecodable as error:
            if letters is not None:
                letters.append(DeadLetter(record, "undecodable", str(error)))
        else:
            if item is not None:
                yield record, item


async def switch(generations: Generations, old: str, new: str, *, write: bool) -> Switched:
    """The switch with the store of the sinks' settings. Raises SettingsError and what `Switch.run` raises."""
    settings = load(SinkSettings)
    file = settings.data / "history.sqlite"
    if settings.history == "sqlite" and not file.is_file():
        raise Unusable(f"{file} is not there: run this where the sinks run, with their BLUFLOW_DATA")
    registry = await registry_for(settings, generations.broker.address)
    try:
        held, writer = open_rebuilder(settings, lambda: registry), open_writer(settings, lambda: registry)
    except StoreMisconfigured as error:
        raise SettingsError(str(error)) from None
    try:
        await writer.check(aggregates=True)
        switching = Switch(generations, old, new, held, writer, write, group=settings.group)
        return await switching.run(settings.session_seconds + _SLOWER)
    finally:
        await held.close()
        await writer.close()


def as_text(done: Switched, new: str, *, dry: bool) -> str:
    """What was done, and what is to do."""
    did, left = (
        ("would write", []) if dry else ("wrote", [f"now start sinks and API with BLUFLOW_GENERATION={shown(new)}"])
    )
    lines = [
        f"{did} {done.readings} readings of {done.sensors} sensors that the history did not hold",
        f"{did} {done.windows} windows and {done.hours} hours of deliveries over what the history held",
    ]
    if done.rejected:
        lines.append(f"{done.rejected} readings were refused by the store and are dead letters")
    return "\n".join(lines + left)
