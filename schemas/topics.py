"""Every Kafka topic, in message order. Declared once: Faust, API, sinks, `bluflow topics` and README read it here.

Partition counts never change in place; a new version of a topic is a new name.
"""

from dataclasses import dataclass

HOUR = 3600
DAY = 24 * HOUR
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

    def full_name(self, prefix: str) -> str:
        """The name on the broker, for example `shelly.raw-frames.v1`."""
        return prefix + self.name

    def config(self, *, embedded: bool) -> dict[str, str]:
        """The topic's configuration as Kafka spells it (milliseconds)."""
        config = {"cleanup.policy": self.cleanup}
        retention = EMBEDDED_RETENTION if embedded and self.retention else self.retention
        if retention is not None:
            config["retention.ms"] = str(retention * 1000)
        return config


RAW_FRAMES = Topic("raw-frames.v1", "gateway", "MQTT payload, bytes untouched", "delete", 30 * DAY)
ADVERTISEMENTS = Topic("advertisements.v1", "sensor", "Advertisement, Tick or CounterReset", "delete", 7 * DAY)
READINGS = Topic("readings.v1", "sensor", "Reading", "delete", 30 * DAY)
LATEST = Topic("latest.v1", "sensor", "Latest (revision)", "compact", None)
AGGREGATES = Topic(
    "aggregates.v1", "sensor, quantity, index, width, start", "Aggregate (revision, final)", "compact,delete", 7 * DAY
)
FRESHNESS = Topic("freshness.v1", "sensor", "Transition with cause", "delete", 30 * DAY)
GATEWAYS = Topic("gateways.v1", "gateway", "GatewayState (revision)", "compact", None)
CLOCK = Topic("clock.v1", "advertisements partition", "Clock: how far track has come", "compact", None, 1, 1)
DEAD_LETTERS = Topic("dead-letters.v1", "original key", "original bytes", "delete", 90 * DAY, 4, 1)

# Faust's own: the state that a restarted worker reads back. Named by Faust: <app>-<table>-changelog.
STREAMS_APP = "bluflow-streams"
DECODE_CHANGELOG = Topic(f"{STREAMS_APP}-decode-changelog", "raw partition", "decode state", "compact", None)
TRACK_CHANGELOG = Topic(f"{STREAMS_APP}-track-changelog", "sensor", "track state", "compact", None)

TOPICS = (
    RAW_FRAMES,
    ADVERTISEMENTS,
    READINGS,
    LATEST,
    AGGREGATES,
    FRESHNESS,
    GATEWAYS,
    CLOCK,
    DEAD_LETTERS,
    DECODE_CHANGELOG,
    TRACK_CHANGELOG,
)
