"""The topics and groups of a generation: made, and deleted."""

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import product

from cli.generation_status import SINKS, Generations, shown
from cli.settings import RunSettings
from cli.unusable import Unusable
from runtime.kafka import ensure_topics
from schemas.topics import (
    ADVERTISEMENTS,
    CLOCK,
    DECODE_CHANGELOG,
    DERIVED,
    RAW_FRAMES,
    SECOND_STORE,
    Topic,
    sink_group,
    worker_group,
)


def topics_with(partitions: int, raw_partitions: int) -> list[Topic]:
    """The derived topics with that many partitions each.

    But for decode's state, of which each raw partition has one, and the clock, which is one short list.
    """
    counts = {CLOCK: CLOCK.partitions, DECODE_CHANGELOG: raw_partitions}
    return [
        replace(topic, partitions=count, embedded_partitions=count)
        for topic in DERIVED
        for count in [counts.get(topic, partitions)]
    ]


async def create_topics(
    found: Generations, generation: str, settings: RunSettings, partitions: int | None
) -> list[str]:
    """Make what is missing, and say what. Raises Unusable, TopicsDiffer, KafkaError."""
    if partitions is None:
        if found.missing(settings.generation):
            raise Unusable(
                f"generation {shown(settings.generation)}, which is live by the settings, is not whole on "
                f"{found.broker.address}: say --partitions N, or correct BLUFLOW_GENERATION"
            )
        partitions = found.place(ADVERTISEMENTS, settings.generation)[1]
    return await ensure_topics(
        found.broker.address,
        topics_with(partitions, found.place(RAW_FRAMES, "")[1]),
        found.prefix,
        embedded=False,
        replication=settings.replication,
        generation=generation,
    )


def groups_of(prefix: str, generation: str, there: Iterable[str] = ()) -> list[str]:
    """The consumer groups that a generation has of its own. Those of further stores are among `there`."""
    sinks = [sink_group(prefix, name, topic, generation) for name, topic in SINKS.items()]
    for each, (name, topic) in product(there, SINKS.items()):
        second = each.removeprefix(f"{prefix}sink-{name}-").removesuffix(f".{generation}")
        if (
            second
            and re.fullmatch(SECOND_STORE, second)
            and each == sink_group(prefix, name, topic, generation, second)
        ):
            sinks.append(each)
    return [worker_group(prefix, generation), *sinks]


async def drop_topics(found: Generations, generation: str, *, dry: bool) -> tuple[list[str], list[str]]:
    """Delete its topics and groups, unless `dry`; both. Raises Unusable if there are none or somebody works."""
    topics = sorted(found.found.get(generation, ()))
    if not topics:
        raise Unusable(f"there is no generation {shown(generation)} on {found.broker.address}")
    groups = groups_of(found.prefix, generation, await found.broker.groups())
    await found.broker.until_empty(groups, 0)
    if not dry:
        # the groups too: one of this name that is made again must not begin where this one ended
        await found.broker.delete(topics, groups)
    return topics, groups
