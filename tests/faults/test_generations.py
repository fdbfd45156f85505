"""On Apache Kafka: the whole way of a generation, and topics that are read by nobody's group.

The embedded broker tells a client of all its topics at the start; this one tells only what it is asked for.
"""

from collections.abc import Iterator

import pytest

from runtime.snapshot import snapshot
from schemas.topics import RAW_FRAMES
from streams.replay.kafka_source import kafka_source
from tests.faults.broker import Cluster
from tests.streams.replay.logs import publish
from tests.test_generations import LOG, stack
from tests.test_generations import test_a_generation_is_made_beside_the_live_one_takes_over_and_gives_back as the_way

__all__ = ["stack", "test_a_generation_is_made_beside_the_live_one_takes_over_and_gives_back"]

test_a_generation_is_made_beside_the_live_one_takes_over_and_gives_back = the_way


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """In place of the embedded broker."""
    cluster = Cluster(tmp_path_factory.mktemp("kafka"))
    try:
        cluster.start()
        yield cluster.direct
    finally:
        cluster.stop()


async def test_a_topic_is_read_whole(kafka: str, topics: str) -> None:
    topic = RAW_FRAMES.full_name(topics)
    await publish(kafka, topic, LOG, delay=None)
    assert len([record async for record in snapshot(kafka, topic)]) == len(LOG)
    async with kafka_source(kafka, topic, LOG[0].received_at, LOG[-1].received_at + 1) as source:
        assert len([placed async for placed in source.records()]) == len(LOG)
