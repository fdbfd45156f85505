"""A topic as it is now, read by nobody's group."""

from collections.abc import AsyncGenerator, Mapping

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from runtime.kafka import partitions_for, stop_consumer
from runtime.kafka_login import kafka_login

_POLL_MS = 1000
_PATIENCE = 60  # polls without a record that is known to be there


class NoSuchTopic(Exception):
    """The broker has no topic of that name."""


async def snapshot(
    broker: str,
    topic: str,
    since: int = 0,
    *,
    begins: Mapping[TopicPartition, int] | None = None,
    partition: int | None = None,
) -> AsyncGenerator[ConsumerRecord, None]:
    """The records written since then (unix milliseconds), up to where the topic ended when the reading began.

    `begins`: from those offsets on instead, where the log still has them. `partition`: of that one alone. Partition by
    partition in no order. Raises NoSuchTopic, KafkaError.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker, auto_offset_reset="earliest", enable_auto_commit=False, **kafka_login()
    )
    try:
        await consumer.start()
        numbers = await partitions_for(consumer, topic)
        if not numbers:
            raise NoSuchTopic(topic)
        places = [TopicPartition(topic, number) for number in numbers if partition in (None, number)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        firsts = await _begins(consumer, places, since)
        if begins:
            firsts = {place: max(first or 0, begins.get(place, 0)) for place, first in firsts.items()}
        for place, begin in firsts.items():
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
        await stop_consumer(consumer)


async def _begins(
    consumer: AIOKafkaConsumer, places: list[TopicPartition], since: int
) -> dict[TopicPartition, int | None]:
    if not since:
        return dict(await consumer.beginning_offsets(places))
    by_time = await consumer.offsets_for_times(dict.fromkeys(places, since))
    return {place: found.offset if (found := by_time.get(place)) else None for place in places}
