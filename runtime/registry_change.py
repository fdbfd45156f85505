"""The registry's topic changed: read to its end, written, and looked at again, as others may write at the same time."""

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec
from aiokafka import ConsumerRecord, TopicPartition

from runtime.registry import Told, apply
from runtime.short_producer import short_producer
from runtime.snapshot import snapshot
from schemas.codec import encode
from schemas.registry import Entry

SECONDS = 30.0  # for the reading and the delivery of one change

# what the topic says -> the entries to write, None for one to be forgotten
Edit = Callable[[Told], Mapping[str, Entry | None]]


class Change(NamedTuple):
    """One entry as the topic had it and as it has it now; None: it had, or has, none."""

    before: Entry | None
    after: Entry | None


async def change_registry(broker: str, topic: str, edit: Edit, now: int) -> dict[str, Change]:
    """Write what `edit` makes of the topic; what was changed, by sensor. `now` in unix milliseconds.

    Readers apply a record only if its revision is higher than what they hold. So of two who write of one sensor at the
    same time the first is heard; the second finds that when he reads his own record again, edits what the first said
    and writes once more: no change is lost. Raises NoSuchTopic, KafkaError, TimeoutError; then some may be written.
    What `edit` raises is raised before any is.
    """
    told: dict[str, Entry] = {}
    ends: dict[TopicPartition, int] = {}
    async with asyncio.timeout(SECONDS):
        for record in await _newer(broker, topic, ends):
            apply(told, record)
        begun = dict(told)
        wanted = _changed(told, edit(told), now)
        touched, unheard = {*wanted}, {*wanted}
        while wanted:
            written = await _write(broker, topic, wanted)
            for record in await _newer(broker, topic, ends):
                if apply(told, record) and record.offset == written.get(record.key):
                    unheard.discard(record.key.decode())
            again = _changed(told, edit(told), now) if unheard else {}
            wanted = {sensor: entry for sensor, entry in again.items() if sensor in unheard}
    return {sensor: Change(begun.get(sensor), told.get(sensor)) for sensor in touched}


async def _write(broker: str, topic: str, wanted: Mapping[str, Entry | None]) -> dict[bytes, int]:
    """The offset of each, by key, once all copies have it."""
    offsets: dict[bytes, int] = {}
    async with short_producer(broker) as producer:
        sent = {
            sensor.encode(): await producer.send(topic, entry and encode(entry), sensor.encode(), partition=0)
            for sensor, entry in wanted.items()
        }
        for key, delivery in sent.items():
            offsets[key] = (await delivery).offset
    return offsets


def _changed(told: Told, wanted: Mapping[str, Entry | None], now: int) -> dict[str, Entry | None]:
    """What is not there already, each with the revision after the one it replaces."""
    found: dict[str, Entry | None] = {}
    for sensor, entry in wanted.items():
        held = told.get(sensor)
        if entry is not None:
            same = held and msgspec.structs.replace(entry, revision=held.revision, changed_at=held.changed_at) == held
            if not same:
                revision = held.revision + 1 if held else 1
                found[sensor] = msgspec.structs.replace(entry, revision=revision, changed_at=now)
        elif held:
            found[sensor] = None
    return found


async def _newer(broker: str, topic: str, ends: dict[TopicPartition, int]) -> list[ConsumerRecord]:
    """What came since `ends`, which move."""
    came = [record async for record in snapshot(broker, topic, begins=ends)]
    ends |= {TopicPartition(record.topic, record.partition): record.offset + 1 for record in came}
    return came
