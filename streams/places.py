"""Where the stages read and write: full topic names and partition counts, as the broker has them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aiokafka.admin import AIOKafkaAdminClient

from runtime.kafka import partition_of
from runtime.kafka_login import kafka_login
from schemas.topics import DERIVED, TOPICS, Topic
from streams.engine import Output


class TopicsMissing(Exception):
    """The broker is there, but a topic is not."""


@dataclass(frozen=True, slots=True)
class Places:
    """The topics' prefix and generation, and how many partitions each has, by its name without them."""

    prefix: str
    partitions: Mapping[str, int]
    generation: str = ""
    _names: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def name(self, topic: Topic) -> str:
        """The topic's name on the broker."""
        return topic.full_name(self.prefix, self.generation)

    def count(self, topic: Topic) -> int:
        """Its partitions."""
        return self.partitions[topic.name]

    def output(
        self,
        topic: Topic,
        key: bytes,
        value: bytes | None,
        headers: Iterable[tuple[str, bytes]] = (),
        *,
        by: bytes | None = None,
    ) -> Output:
        """A record for the partition that `by` belongs to; by its key, if not given."""
        name = self._names.get(topic.name) or self._names.setdefault(topic.name, self.name(topic))
        place = partition_of(key if by is None else by, self.partitions[topic.name])
        return Output(name, place, key, value, tuple(headers))

    def everywhere(self, topic: Topic, key: bytes, value: bytes) -> list[Output]:
        """The same record for each partition."""
        return [Output(self.name(topic), place, key, value) for place in range(self.count(topic))]


async def find_places(broker: str, prefix: str, generation: str = "") -> Places:
    """Ask the broker. Raises TopicsMissing (one line) or a KafkaError if it cannot be reached."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker, **kafka_login())
    await admin.start()
    try:
        names = {topic.name: topic.full_name(prefix, generation) for topic in TOPICS}
        there = set(await admin.list_topics())
        missing = [name for name in names.values() if name not in there]
        if missing:
            own = missing[0] in {topic.full_name(prefix, generation) for topic in DERIVED}
            command = f"generation create {generation}" if generation and own else "topics --create"
            raise TopicsMissing(f"topic {missing[0]} is not on {broker}; make the topics with: bluflow {command}")
        described = await admin.describe_topics(list(names.values()))
        counts = {topic["topic"]: len(topic["partitions"]) for topic in described}
    finally:
        await admin.close()
    return Places(prefix, {topic: counts[name] for topic, name in names.items()}, generation)
