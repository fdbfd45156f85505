"""Raw records through decode and track in this process: the same pure folds as the worker's, without Kafka."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from history.archive import Placed
from schemas.advertisement import Coordinate, Tick
from schemas.aggregate import Aggregate
from schemas.codec import decode_aggregate, decode_delivery, decode_reading, encode
from schemas.dead_letter import dead_letter_facts
from schemas.delivery import Delivery
from schemas.frame import Headers
from schemas.reading import Reading
from schemas.registry import Registry
from schemas.topics import ADVERTISEMENTS, AGGREGATES, DEAD_LETTERS, DELIVERIES, RAW_FRAMES, READINGS, TOPICS
from streams.decode import DecodeStage
from streams.engine import Output, States
from streams.log_position import MOST_EPOCHS
from streams.places import Places
from streams.replay.source import LogForgot
from streams.track import TrackStage
from streams.watermark import KEY, Watermark

BATCH = 1000  # advertisements that track takes at once
_ARCHIVED = "archived"  # the mark of what came back from the archive: here it is a frame like any other


class _Record(NamedTuple):
    """What a stage wants of a Kafka record."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int


class Fold:
    """From no state at all. `take` each record in order of arrival, then `finish`; `emit` is handed what comes of it.

    `partitions` of the raw log; those that are `away` about a time (unix milliseconds) hold nobody up. `sensor`: of
    that one alone.
    """

    def __init__(
        self,
        emit: Callable[[Reading | Aggregate | Delivery], None],
        *,
        partitions: int,
        away: Callable[[int], Iterable[int]] = lambda time: (),
        keys: Mapping[str, bytes],
        registry: Registry,
        sensor: str | None = None,
    ) -> None:
        counts = dict.fromkeys((topic.name for topic in TOPICS), 1) | {RAW_FRAMES.name: partitions}
        places = Places("", counts)
        self._decode, self._track = DecodeStage(places, lambda: keys), TrackStage(places, lambda: registry)
        self._emit, self._away = emit, away
        self._wanted = None if sensor is None else {sensor.encode(), b""}  # a tick has no key
        self._raw: dict[int, States] = {}
        self._sensors: States = {}
        self._next: dict[int, int] = {}
        self._pending: list[Any] = []
        self._raw_partitions = partitions
        self.buried: Counter[str] = Counter()

    @property
    def watermark(self) -> int:
        """How far the stream has come, unix milliseconds; 0 if not every partition has been heard of."""
        return Watermark.load(self._sensors.get(KEY), self._raw_partitions).time

    def take(self, placed: Placed) -> None:
        """Fold one raw record. Raises LogForgot where no order can be seen in the offsets."""
        raw = placed.record
        states = self._raw.setdefault(raw.partition, {})
        if placed.offset < self._next.get(raw.partition, 0):
            # the log lost its tail here, and hands the same offsets out again
            epoch = self._decode.begin_epoch(states, placed.offset)
            if epoch > MOST_EPOCHS:
                raise LogForgot("logs run beside each other, with the same partitions: read one of them at a time")
        self._next[raw.partition] = placed.offset + 1
        headers = [header for header in raw.headers if header[0] != _ARCHIVED]
        record = _Record(RAW_FRAMES.name, raw.partition, placed.offset, raw.key, raw.value, headers, placed.received_at)
        for output in self._decode.fold([record], states, raw.partition).outputs:
            if output.topic == ADVERTISEMENTS.name and (self._wanted is None or output.key in self._wanted):
                self._pending.append(
                    _Record(output.topic, 0, placed.offset, output.key, output.value, [], placed.received_at)
                )
                if output.key == b"":
                    self._tick_for_others(placed)
            else:
                self._bury(output)
        if len(self._pending) >= BATCH:
            self.finish()

    def finish(self) -> None:
        """Hand out everything that the records so far give."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        for output in self._track.fold(pending, self._sensors, 0).outputs:
            if output.topic == READINGS.name:
                self._emit(decode_reading(output.value or b""))
            elif output.topic == AGGREGATES.name:
                self._emit(decode_aggregate(output.value or b""))
            elif output.topic == DELIVERIES.name:
                self._emit(decode_delivery(output.value or b""))
            else:
                self._bury(output)

    def _tick_for_others(self, placed: Placed) -> None:
        """A tick came: the partitions that there are not, or not any more, have it too."""
        for partition in self._away(placed.received_at):
            tick = Tick(placed.received_at, Coordinate(0, partition, 0, 0))
            self._pending.append(_Record(ADVERTISEMENTS.name, 0, 0, b"", encode(tick), [], placed.received_at))

    def _bury(self, output: Output) -> None:
        if output.topic == DEAD_LETTERS.name:
            self.buried[dead_letter_facts(output.headers).get("reason", "")] += 1
