"""What every Kafka client here needs: which partition a key goes to, and topics that exist."""

import asyncio
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import TopicAlreadyExistsError, for_code
from aiokafka.partitioner import murmur2

from runtime.kafka_login import kafka_login
from schemas.topics import Topic


@lru_cache(maxsize=400_000)  # one that is smaller than the round of sensors never finds any
def partition_of(key: bytes, partitions: int) -> int:
    """The partition that Kafka's own default partitioner gives `key`, so that all clients agree."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


class TopicsDiffer(Exception):
    """A topic is there with another number of partitions: that never changes in place."""


async def ensure_topics(
    broker: str,
    topics: Iterable[Topic],
    prefix: str,
    *,
    embedded: bool,
    replication: int = 1,
    generation: str = "",
) -> list[str]:
    """Create what is missing and return its names. Raises TopicsDiffer for a topic of another partition count."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker, **kafka_login())
    await admin.start()
    try:
        wanted = {
            topic.full_name(prefix, generation): (
                topic.embedded_partitions if embedded else topic.partitions,
                topic.config(embedded=embedded),
            )
            for topic in topics
        }
        existing = set(await admin.list_topics()) & wanted.keys()
        for description in await admin.describe_topics(sorted(existing)) if existing else []:
            there, asked = len(description["partitions"]), wanted[description["topic"]][0]
            if there != asked:
                raise TopicsDiffer(
                    f"topic {description['topic']} has {there} partitions, not {asked}, and that never changes in "
                    "place: make a new generation (docs/generations.md)"
                )
        missing = [name for name in wanted if name not in existing]
        if missing:
            answer = await admin.create_topics(
                [NewTopic(n, wanted[n][0], replication, topic_configs=wanted[n][1]) for n in missing]
            )
            for name, code, *rest in answer.topic_errors:
                error = for_code(code)
                if code and error is not TopicAlreadyExistsError:
                    raise error(f"creating topic {name}: {rest}")
        return missing
    finally:
        await admin.close()


async def topics_of(broker: str) -> set[str]:
    """The names of all topics that the broker has. Raises KafkaError."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker, **kafka_login())
    await admin.start()
    try:
        return set(await admin.list_topics())
    finally:
        await admin.close()


async def partitions_for(consumer: AIOKafkaConsumer, topic: str) -> list[int]:
    """The topic's partitions, as the broker says now; empty if there is no such topic. Raises KafkaError.

    aiokafka's own `partitions_for_topic` knows only topics that it was set on, and a broker that is asked for a topic
    by its name may make it: this asks for all.
    """
    cluster = await consumer._client.fetch_all_metadata()
    return sorted(cluster.partitions_for_topic(topic) or ())


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Close it in whatever state it is.

    aiokafka's stop() may end with the CancelledError of a task of its own (its issue 647). That must not reach the
    task that calls it, and it leaves the connections to be closed here.
    """
    stopping = asyncio.create_task(consumer.stop())
    await asyncio.wait([stopping])
    await consumer._client.close()
    if not stopping.cancelled():
        stopping.result()


PATIENCE_SECONDS = 0.1
_FIRST_PAUSE = PATIENCE_SECONDS / 16


def fetch_patiently() -> None:
    """For every consumer of this process: after an empty answer that came at once, the next is asked for later.

    The embedded broker answers a fetch at once, whatever wait it was asked for: a consumer with nothing to do then asks
    a thousand times a second. The pause is short after records and doubles while none come: a live stream is not held
    up at each of its hops. A consumer that asked for more than a byte wants the broker to gather: where it does not,
    each fetch waits as long as the broker was asked to. A broker that waits as it was asked to is not slowed down.
    """
    if getattr(Fetcher._proc_fetch_request, "patient", False):
        return
    fetch = Fetcher._proc_fetch_request

    async def patient(self: Fetcher, *args: Any) -> Any:
        gathers = self._fetch_min_bytes > 1
        pause = getattr(self, "pause", 0.0)
        if pause:
            try:
                await asyncio.sleep(pause)
            except asyncio.CancelledError:
                return False  # as the original does: a fetcher that closes awaits the task it has cancelled
        begun = time.monotonic()
        found = await fetch(self, *args)
        asked = self._fetch_max_wait_ms / 1000
        if time.monotonic() - begun >= asked / 2:
            self.pause = 0.0
        elif found:
            self.pause = pause if gathers else 0.0
        elif gathers:
            self.pause = asked
        else:
            self.pause = min(max(_FIRST_PAUSE, 2 * pause), PATIENCE_SECONDS)
        return found

    patient.patient = True  # type: ignore[attr-defined]
    Fetcher._proc_fetch_request = patient
