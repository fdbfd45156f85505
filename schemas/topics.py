"""Every Kafka topic, in message order. Declared once: Faust, API, sinks, `bluflow topics` and README read it here.

Partition counts never change in place; a new version of a topic is a new name. What is derived from raw frames may be
there in several generations beside each other: the first has the plain names, the others end in their own, as
`shelly.readings.v1.g2`. At the end, so that no prefix of another installation can be mistaken for one.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

HOUR = 3600
DAY = 24 * HOUR
COMPACTED_SEGMENT = 16 << 20  # bytes; a broker compacts whole segments only, and a restarted worker reads what is left
EMBEDDED_RETENTION = HOUR // 2  # the embedded broker rewrites its whole file: keep it at some thousand records


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `retention` in seconds, None for as long as the key lives (compacted)."""

    name: str
    key: str
    value: str
    cleanup: str
    retention: int | None
    partitions: int = 24
    embedded_partitions: int = 4
    derived: bool = True  # a generation has one of its own

    def full_name(self, prefix: str, generation: str = "") -> str:
        """The name on the broker, for example `shelly.raw-frames.v1`."""
        return in_generation(prefix + self.name, generation if self.derived else "")

    def config(self, *, embedded: bool) -> dict[str, str]:
        """The topic's configuration as Kafka spells it (milliseconds)."""
        config = {"cleanup.policy": self.cleanup}
        retention = EMBEDDED_RETENTION if embedded and self.retention else self.retention
        if retention is not None:
            config["retention.ms"] = str(retention * 1000)
        elif not embedded:
            config["segment.bytes"] = str(COMPACTED_SEGMENT)
        return config


def in_generation(name: str, generation: str) -> str:
    """The name of a generation's own topic or consumer group; the first generation has no name and leaves it as is."""
    return f"{name}.{generation}" if generation else name


RAW_FRAMES = Topic("raw-frames.v1", "gateway", "MQTT payload, bytes untouched", "delete", 30 * DAY, derived=False)
ADVERTISEMENTS = Topic("advertisements.v1", "sensor", "Advertisement, Tick or CounterReset", "delete", 7 * DAY)
READINGS = Topic("readings.v1", "sensor", "Reading", "delete", 30 * DAY)
LATEST = Topic("latest.v1", "sensor", "Latest (revision)", "compact", None)
AGGREGATES = Topic(
    "aggregates.v1", "sensor, quantity, index, width, start", "Aggregate (revision, final)", "compact,delete", 7 * DAY
)
DELIVERIES = Topic("deliveries.v1", "sensor, hour", "Delivery (revision, final)", "compact,delete", 7 * DAY)
FRESHNESS = Topic("freshness.v1", "sensor", "Transition with cause", "delete", 30 * DAY)
GATEWAYS = Topic("gateways.v1", "gateway", "GatewayState (revision)", "compact", None)
SENSORS = Topic("sensors.v1", "sensor", "Entry of the registry (revision)", "compact", None, 1, 1, derived=False)
CLOCK = Topic("clock.v1", "advertisements partition", "Clock: how far track has come", "compact", None, 1, 1)
DEAD_LETTERS = Topic("dead-letters.v1", "original key", "original bytes", "delete", 90 * DAY, 4, 1, derived=False)

# The state that a restarted worker reads back; named as Faust does it: <app>-<table>-changelog.
STREAMS_APP = "bluflow-streams"
DECODE_CHANGELOG = Topic(f"{STREAMS_APP}-decode-changelog", "raw partition", "decode state", "compact", None)
TRACK_CHANGELOG = Topic(f"{STREAMS_APP}-track-changelog", "sensor", "track state", "compact", None)

TOPICS = (
    RAW_FRAMES,
    ADVERTISEMENTS,
    READINGS,
    LATEST,
    AGGREGATES,
    DELIVERIES,
    FRESHNESS,
    GATEWAYS,
    CLOCK,
    SENSORS,
    DEAD_LETTERS,
    DECODE_CHANGELOG,
    TRACK_CHANGELOG,
)
DERIVED = tuple(topic for topic in TOPICS if topic.derived)

# How the generation without a name is called where one has to be named.
DEFAULT_GENERATION = "default"
is_generation = re.compile(r"[a-z0-9][a-z0-9-]{0,19}").fullmatch

SECOND_STORE = r"[a-z0-9-]{0,20}"  # names the groups of sinks that feed another store, as SINKS_GROUP says; empty: none


def worker_group(prefix: str, generation: str) -> str:
    """The worker's consumer group, which is its Faust app's id too."""
    return in_generation(prefix + STREAMS_APP, generation)


def sink_group(prefix: str, sink: str, topic: Topic, generation: str, second: str = "") -> str:
    """A sink's consumer group. One that reads a topic of all generations goes on where it was.

    `second` names sinks that feed another store with the same.
    """
    name = f"{prefix}sink-{sink}" + (f"-{second}" if second else "")
    return in_generation(name, generation if topic.derived else "")


def generations_in(names: Iterable[str], prefix: str) -> dict[str, set[str]]:
    """The generations that have topics among those names, the first as "": which of DERIVED each has, by full name."""
    plain = {topic.full_name(prefix) for topic in DERIVED}
    found: dict[str, set[str]] = {}
    for name in names:
        base, _, end = name.rpartition(".")
        if name in plain:
            found.setdefault("", set()).add(name)
        elif base in plain and is_generation(end) and end != DEFAULT_GENERATION:
            found.setdefault(end, set()).add(name)
    return found
