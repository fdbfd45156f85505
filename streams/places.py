"""Where the stages read and write: full topic names and partition counts, as the broker has them."""

from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient

from schemas.topics import ADVERTISEMENTS, DEAD_LETTERS, LATEST, RAW_FRAMES, READINGS, TOPICS


class TopicsMissing(Exception):
    """The broker is there, but a topic is not."""


@dataclass(frozen=True, slots=True)
class Places:
    """Names with the prefix; how many partitions each has."""

    prefix: str
    raw_frames: str
    advertisements: str
    readings: str
    latest: str
    dead_letters: str
    raw_frame_partitions: int
    advertisement_partitions: int
    reading_partitions: int
    latest_partitions: int
    dead_letter_partitions: int


async def find_places(broker: str, prefix: str) -> Places:
    """Ask the broker. Raises TopicsMissing (one line) or a KafkaError if it cannot be reached."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        there = set(await admin.list_topics())
        missing = [topic.full_name(prefix) for topic in TOPICS if topic.full_name(prefix) not in there]
        if missing:
            raise TopicsMissing(f"topic {missing[0]} is not on {broker}; make the topics with: bluflow topics --create")
        described = await admin.describe_topics([topic.full_name(prefix) for topic in TOPICS])
        counts = {topic["topic"]: len(topic["partitions"]) for topic in described}
    finally:
        await admin.close()
    names = [topic.full_name(prefix) for topic in (RAW_FRAMES, ADVERTISEMENTS, READINGS, LATEST, DEAD_LETTERS)]
    return Places(
        prefix=prefix,
        raw_frames=names[0],
        advertisements=names[1],
        readings=names[2],
        latest=names[3],
        dead_letters=names[4],
        raw_frame_partitions=counts[names[0]],
        advertisement_partitions=counts[names[1]],
        reading_partitions=counts[names[2]],
        latest_partitions=counts[names[3]],
        dead_letter_partitions=counts[names[4]],
    )
