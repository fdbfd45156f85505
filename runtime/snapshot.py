"""A topic as it is now, read by nobody's group."""

from collections.abc import AsyncGenerator

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

_POLL_MS = 1000
_PATIENCE = 60  # polls without a record that is known to be there


class NoSuchTopic(Exception):
    """The broker has no topic of that name."""


async def snapshot(broker: str, topic: str, since: int = 0) -> AsyncGenerator[ConsumerRecord, None]:
    """The records written since then (unix milliseconds), up to where the topic ended when the reading began.

    Partition by partition in no order. Raises NoSuchTopic, KafkaError.
    """
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        if topic not in await consumer.topics():  # asking for it by name would make it
            raise NoSuchTopic(topic)
        places = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        for place, begin in (await _begins(consumer, places, since)).items():
            consumer.seek(place, ends[place] if begin is None else begin)
        opened, vain = set(places), 0
        while opened := {place for place in opened if await consumer.position(place) < ends[place]}:
            found = await consumer.getmany(*opened, timeout_ms=_POLL_MS)
            vain = 0 if found else vain + 1
            if vain > _PATIENCE:
                raise KafkaError(f"no records of {topic} come any more")
            for place, records in found.items():
                for record in records:
                    if record.offset < ends[place]:
                        yield record
    finally:
        await consumer.stop()


async def _begins(
    consumer: AIOKafkaConsumer, places: list[TopicPartition], since: int
) -> dict[TopicPartition, int | None]:
    if not since:
        return dict(await consumer.beginning_offsets(places))
    by_time = await consumer.offsets_for_times(dict.fromkeys(places, since))
    return {place: found.offset if (found := by_time.get(place)) else None for place in places}
