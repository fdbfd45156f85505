"""Topics are made on a real broker, once, and never changed in place."""

import dataclasses

import pytest

from runtime.kafka import TopicsDiffer, ensure_topics, partition_of
from schemas.topics import TOPICS


async def test_missing_topics_are_created_once(kafka: str, topic_prefix: str) -> None:
    created = await ensure_topics(kafka, TOPICS, topic_prefix, embedded=True)
    assert sorted(created) == sorted(t.full_name(topic_prefix) for t in TOPICS)
    assert await ensure_topics(kafka, TOPICS, topic_prefix, embedded=True) == []


async def test_another_partition_count_is_refused(kafka: str, topics: str) -> None:
    grown = [dataclasses.replace(TOPICS[0], embedded_partitions=8)]
    with pytest.raises(TopicsDiffer, match=r"4 partitions, not 8"):
        await ensure_topics(kafka, grown, topics, embedded=True)


def test_keys_go_where_kafkas_own_partitioner_sends_them() -> None:
    # murmur2 of Kafka's Utils: "21" -> -973932308, "foobar" -> -790332482
    assert partition_of(b"21", 24) == (-973932308 & 0x7FFFFFFF) % 24
    assert partition_of(b"foobar", 24) == (-790332482 & 0x7FFFFFFF) % 24
