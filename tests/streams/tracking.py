"""A track stage fed with records in memory: batches end, workers die anywhere; what it wrote is read as readers do."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

from schemas.advertisement import Advertisement, Coordinate, CounterReset, Refusal, Tick, TimeSource, Values
from schemas.aggregate import Aggregate
from schemas.codec import (
    decode_aggregate,
    decode_clock,
    decode_delivery,
    decode_latest,
    decode_reading,
    decode_transition,
    encode,
)
from schemas.delivery import Delivery
from schemas.freshness import Transition
from schemas.gateway import GatewayChange
from schemas.reading import Latest, Reading
from schemas.registry import Registry
from schemas.topics import (
    ADVERTISEMENTS,
    AGGREGATES,
    CLOCK,
    DEAD_LETTERS,
    DELIVERIES,
    FRESHNESS,
    LATEST,
    RAW_FRAMES,
    READINGS,
    TOPICS,
)
from streams.engine import Output, States
from streams.places import Places
from streams.track import TrackStage

SENSOR = "7c:c6:b6:bd:4c:b5"
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
T0 = 1_759_622_400_000  # midnight UTC

Record = Advertisement | Tick | CounterReset | Refusal
Event = tuple[int, Callable[..., Record]]  # when it arrives, and what makes it of an `offset`
_DECODE: dict[str, Any] = {
    READINGS.name: decode_reading,
    LATEST.name: decode_latest,
    AGGREGATES.name: decode_aggregate,
    DELIVERIES.name: decode_delivery,
    FRESHNESS.name: decode_transition,
    CLOCK.name: decode_clock,
    DEAD_LETTERS.name: bytes,
}


def heard(
    at: int,
    *,
    offset: int,
    values: Values | None = None,
    sensor: str = SENSOR,
    gateway: str = "gw-a",
    partition: int = 0,
    arrived: int | None = None,
    time_source: TimeSource = "gateway",
    counter: int | None = None,
    format: str = "bluflow",
    flags: tuple[str, ...] = (),
) -> Advertisement:
    """A packet measured `at` milliseconds after T0, by default of its own id and values."""
    return Advertisement(
        sensor,
        gateway,
        T0 + at,
        T0 + (at if arrived is None else arrived),
        time_source,
        {"packet_id": offset % 256, "temperature": 20.0 + offset / 10} if values is None else values,
        format,
        Coordinate(0, partition, offset, 0),
        rssi=-66,
        encrypted=counter is not None,
        counter=counter,
        flags=flags,
    )


def tick(at: int, *, offset: int, partition: int = 0, gateways: Sequence[GatewayChange] = ()) -> Tick:
    """The bridge's clock, `at` milliseconds after T0."""
    return Tick(T0 + at, Coordinate(0, partition, offset, 0), tuple(gateways))


def number(events: Iterable[Event]) -> list[Record]:
    """The records of one raw partition, in order of arrival."""
    return [make(offset=offset) for offset, (_, make) in enumerate(sorted(events, key=lambda event: event[0]))]


def ticks(start: int, end: int) -> list[Event]:
    """A tick every 30 s in [start, end]."""
    return [(at, partial(tick, at)) for at in range(start, end + 1, 30 * SECOND)]


class Tracker:
    """One partition of track. `written` is all it wrote, in order; `changelog` what a recovery would find."""

    def __init__(self, raw_partitions: int = 1, registry: Registry | None = None) -> None:
        partitions = {topic.name: topic.embedded_partitions for topic in TOPICS} | {RAW_FRAMES.name: raw_partitions}
        self.registry = registry or Registry()
        self._stage = TrackStage(Places("", partitions), lambda: self.registry)
        self.changelog: dict[bytes, bytes] = {}
        self.states: States = {}
        self.written: list[Output] = []

    def fold(self, records: Sequence[Record], *, survives: bool = True, kept: int = 0) -> None:
        """One batch. If the worker does not survive it, its outputs were written, of its states the first `kept`."""
        batch = [
            SimpleNamespace(
                topic=ADVERTISEMENTS.name, partition=0, offset=n, key=b"", value=encode(r), headers=[], timestamp=1
            )
            for n, r in enumerate(records)
        ]
        work = self._stage.fold(batch, self.states, 0)
        self.written += work.outputs
        changed = {key: value for key, value in work.changed.items() if value is not None}
        assert len(changed) == len(work.changed), "no sensor is ever forgotten"
        if not survives:
            changed = dict([*changed.items()][:kept])
        for key, value in changed.items():
            held = self.changelog.get(key)
            assert held is None or held[:8] < value[:8], f"the state of {key!r} changed and its revision did not grow"
        self.changelog |= changed
        if not survives:
            self.recover()

    def recover(self) -> None:
        """As after a kill or a rebalance."""
        self.states = dict(self.changelog)

    def _of(self, topic: Any) -> list[Any]:
        return [_DECODE[topic.name](output.value) for output in self.written if output.topic == topic.name]

    @property
    def readings(self) -> list[Reading]:
        return self._of(READINGS)

    @property
    def latest(self) -> list[Latest]:
        return self._of(LATEST)

    @property
    def transitions(self) -> list[Transition]:
        return self._of(FRESHNESS)

    @property
    def words(self) -> list[tuple[str, int, str | None]]:
        """Each transition as (freshness, seconds after T0, cause)."""
        return [(each.freshness, (each.at - T0) // SECOND, each.cause) for each in self.transitions]

    @property
    def aggregates(self) -> list[Aggregate]:
        return self._of(AGGREGATES)

    @property
    def deliveries(self) -> list[Delivery]:
        return self._of(DELIVERIES)

    @property
    def clock(self) -> list[int]:
        return [each.watermark for each in self._of(CLOCK)]

    @property
    def dead_letters(self) -> list[Output]:
        return [output for output in self.written if output.topic == DEAD_LETTERS.name]

    def applied(self) -> dict[bytes, Aggregate]:
        """The aggregates that a reader holds in the end: it takes only a higher revision."""
        held: dict[bytes, Aggregate] = {}
        for each in self.aggregates:
            if each.key not in held or each.revision > held[each.key].revision:
                held[each.key] = each
        return held

    def hours(self) -> dict[int, Delivery]:
        """The delivery records that a reader holds in the end, by the hour's number after T0."""
        held: dict[int, Delivery] = {}
        for each in self.deliveries:
            hour = (each.start - T0) // HOUR
            assert hour not in held or each.revision > held[hour].revision, "records of an hour go on"
            held[hour] = each
        return held
