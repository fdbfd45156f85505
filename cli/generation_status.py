"""How far each generation has come: what `bluflow generation status` shows."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from api.times import rfc3339
from cli.generation_broker import GenerationBroker, lag
from cli.table import table
from runtime.snapshot import snapshot
from schemas.codec import decode_clock
from schemas.frame import received_at
from schemas.freshness import PIPELINE_BEHIND_MS
from schemas.topics import (
    ADVERTISEMENTS,
    AGGREGATES,
    CLOCK,
    DEFAULT_GENERATION,
    DELIVERIES,
    DERIVED,
    LATEST,
    RAW_FRAMES,
    READINGS,
    Topic,
    generations_in,
    sink_group,
    worker_group,
)

SINKS = {
    "history": READINGS,
    "aggregates": AGGREGATES,
    "deliveries": DELIVERIES,
}  # those that a generation has of its own


class Standing(NamedTuple):
    """One generation. `missing`: topics that it lacks; then there is nothing more to say, and the numbers are 0.

    `partitions` of its advertisements, `workers` and `sinks` members of its groups, `lag` and `sinks_lag` records
    that they have not taken. `clock`: how far the stream has come, unix milliseconds, 0 if it does not say;
    `behind_ms` the raw log's newest arrival. `sensors` in its latest topic.
    """

    generation: str
    live: bool
    missing: int
    partitions: int = 0
    workers: int = 0
    lag: int = 0
    clock: int = 0
    behind_ms: int | None = None
    sensors: int = 0
    sinks: int = 0
    sinks_lag: int = 0

    @property
    def caught_up(self) -> bool:
        """Whether readers may be switched to it."""
        near = self.behind_ms is not None and self.behind_ms <= PIPELINE_BEHIND_MS
        return not self.missing and (not self.lag or near)

    @property
    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return self._asdict() | {"generation": shown(self.generation), "caught_up": self.caught_up}


def shown(generation: str) -> str:
    """The generation's name for people."""
    return generation or DEFAULT_GENERATION


class Generations:
    """The generations of one prefix on a broker; `topics`: every topic of the broker with its partitions."""

    def __init__(self, broker: GenerationBroker, prefix: str, topics: Mapping[str, int]) -> None:
        self.broker, self.prefix, self.topics = broker, prefix, topics
        self.found = generations_in(topics, prefix)

    def place(self, topic: Topic, generation: str) -> tuple[str, int]:
        """Full name and partitions of a topic that is there."""
        name = topic.full_name(self.prefix, generation)
        return name, self.topics[name]

    def missing(self, generation: str) -> int:
        """How many of its topics are not there."""
        return len(DERIVED) - len(self.found.get(generation, ()))

    async def lag(self, group: str, topic: Topic, generation: str) -> int:
        """Records of the topic that the group has not taken."""
        place = self.place(topic, generation)
        ends = await self.broker.ends(*place)
        return lag(await self.broker.begins(*place), ends, await self.broker.committed(group, place[0]))

    async def worker_lag(self, generation: str) -> int:
        """Frames and advertisements that the worker has not taken."""
        group = worker_group(self.prefix, generation)
        return sum([await self.lag(group, topic, generation) for topic in (RAW_FRAMES, ADVERTISEMENTS)])

    async def clock(self, generation: str) -> int:
        """The time of whose arrivals all have come through, unix milliseconds; 0 if not every partition says so."""
        told: dict[int, int] = {}
        async for record in snapshot(self.broker.address, self.place(CLOCK, generation)[0]):
            said = decode_clock(record.value)
            told[said.partition] = max(said.watermark, told.get(said.partition, 0))
        return min(told.values()) if len(told) >= self.place(ADVERTISEMENTS, generation)[1] else 0

    async def standing(self, generation: str, live: str) -> Standing:
        """Look at it. Raises KafkaError."""
        if missing := self.missing(generation):
            return Standing(generation, generation == live, missing)
        sinks = {name: sink_group(self.prefix, name, topic, generation) for name, topic in SINKS.items()}
        newest = [received_at(record.headers) for record in await self.broker.last(*self.place(RAW_FRAMES, ""))]
        clock = await self.clock(generation)
        sensors: dict[bytes, bool] = {}
        async for record in snapshot(self.broker.address, self.place(LATEST, generation)[0]):
            sensors[record.key or b""] = record.value is not None
        return Standing(
            generation,
            generation == live,
            0,
            self.place(ADVERTISEMENTS, generation)[1],
            await self.broker.members(worker_group(self.prefix, generation)),
            await self.worker_lag(generation),
            clock,
            max(0, max(newest) - clock) if newest and clock else None,
            sum(sensors.values()),
            sum([await self.broker.members(group) for group in sinks.values()]),
            sum([await self.lag(sinks[name], topic, generation) for name, topic in SINKS.items()]),
        )


def as_text(standings: list[Standing]) -> str:
    """A table with a row for each."""
    head = [
        "generation",
        "live",
        "partitions",
        "workers",
        "lag",
        "clock",
        "behind",
        "sensors",
        "sinks",
        "sinks lag",
        "",
    ]
    return "\n".join(table([head, *map(_row, standings)]))


def _row(one: Standing) -> list[str]:
    name, live = shown(one.generation), "live" if one.live else "-"
    if one.missing:
        return [name, live, *"-" * 8, f"lacks {one.missing} of its {len(DERIVED)} topics"]
    behind = "-" if one.behind_ms is None else f"{one.behind_ms / 1000:.0f} s"
    numbers = [one.partitions, one.workers, one.lag, rfc3339(one.clock) if one.clock else "-"]
    rest = [behind, one.sensors, one.sinks, one.sinks_lag]
    return [name, live, *map(str, (*numbers, *rest)), "caught up" if one.caught_up else "not caught up"]
