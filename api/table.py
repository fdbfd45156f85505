"""The newest state of every key of one compacted topic in memory: which record wins. No Kafka, no clock."""

from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

from schemas.codec import decode_clock, decode_gateway, decode_latest
from schemas.gateway import Clock, GatewayState
from schemas.reading import Latest, LatestValue, Reading

# Below every revision of the pipeline: whatever the topic says about the key wins.
SEEDED = -1

S = TypeVar("S")


class Place(NamedTuple):
    """Where in its topic a state came from: its record's partition, and the offset after it."""

    partition: int
    after: int


class Row(NamedTuple, Generic[S]):
    """What is held of one key. `state` is None if it was deleted, `place` if it did not come from the topic."""

    state: S | None
    revision: int
    place: Place | None = None


Rows = dict[str, Row[S]]


class Table(Generic[S]):
    """The states of one topic, by key. Read from any thread, changed from one."""

    def __init__(
        self,
        decode: Callable[[bytes], S],
        key_of: Callable[[S], str],
        revision_of: Callable[[S], int],
        time_of: Callable[[S], int],
    ) -> None:
        self.decode, self.key_of = decode, key_of
        self.on_change: Callable[[str], None] = lambda key: None
        self._revision_of, self._time_of = revision_of, time_of
        self._rows: Rows[S] = {}

    def get(self, key: str) -> S | None:
        """The key's newest state, None if it is unknown."""
        row = self._rows.get(key)
        return row.state if row else None

    def row(self, key: str) -> Row[S] | None:
        """The state with its revision and place."""
        return self._rows.get(key)

    def rows(self) -> list[tuple[str, Row[S]]]:
        """Every key with its row, deleted ones too, in no order."""
        return list(self._rows.items())

    def all(self) -> list[S]:
        """Every state, sorted by key."""
        return [row.state for _, row in sorted(self.rows(), key=lambda item: item[0]) if row.state is not None]

    def fold(self, rows: Rows[S], key: str, state: S | None, place: Place | None) -> bool:
        """Apply one record to `rows`; None deletes. False if a higher or equal revision is held already."""
        held = rows.get(key)
        if state is None:
            rows[key] = Row(None, SEEDED, place)
            return True
        revision = self._revision_of(state)
        if held is not None and held.state is not None and revision <= held.revision:
            return False
        rows[key] = Row(state, revision, place)
        return True

    def apply(self, key: str, state: S | None, place: Place | None = None) -> bool:
        """Apply one record; None deletes. False if it was ignored for its revision."""
        applied = self.fold(self._rows, key, state, place)
        if applied:
            self.on_change(key)
        return applied

    def adopt(self, fresh: Rows[S]) -> None:
        """Take over what was read from the topic's beginning, in one step.

        A key that the topic lost stays, and any record of it wins from now on. Of two states the later one is shown,
        but the topic's revision counts: a log that was lost begins its revisions anew.
        """
        before, rows = self._rows, dict(fresh)
        for key, held in before.items():
            if held.state is None:
                continue
            new = rows.get(key)
            if new is None:
                rows[key] = Row(held.state, SEEDED)
            elif new.state and held.revision != SEEDED and self._time_of(held.state) > self._time_of(new.state):
                rows[key] = Row(held.state, new.revision, new.place)
        self._rows = rows
        for key, row in rows.items():
            was = before.get(key)
            if row.state != (was.state if was else None):
                self.on_change(key)


class SensorTable(Table[Latest]):
    """The latest topic, by sensor."""

    def __init__(self) -> None:
        super().__init__(
            decode_latest, lambda one: one.sensor, lambda one: one.revision, lambda one: one.measured_at or 0
        )

    def seed(self, readings: Iterable[Reading]) -> None:
        """Make silent sensors known that the topic no longer has; what is held already stays."""
        for reading in readings:
            if reading.sensor not in self._rows:
                self._rows[reading.sensor] = Row(seeded(reading), SEEDED)
                self.on_change(reading.sensor)


class GatewayTable(Table[GatewayState]):
    """The gateways topic, by prefix."""

    def __init__(self) -> None:
        super().__init__(decode_gateway, lambda one: one.prefix, lambda one: one.revision, lambda one: one.last_frame)


class ClockTable(Table[Clock]):
    """The clock topic, by partition of the advertisements. A watermark grows, and stands in for a revision."""

    def __init__(self) -> None:
        super().__init__(
            decode_clock, lambda one: str(one.partition), lambda one: one.watermark, lambda one: one.watermark
        )


def seeded(reading: Reading) -> Latest:
    """A stored reading as a sensor's state, until the topic says better.

    It may have come late, so it was last seen no later than it was measured; never, if that is unknown.
    """
    return Latest(
        sensor=reading.sensor,
        revision=SEEDED,
        measured_at=reading.measured_at,
        last_seen=None if reading.time_source == "unknown" else min(reading.measured_at, reading.received_at),
        time_source=reading.time_source,
        gateway=reading.gateway,
        values={name: LatestValue(value, reading.measured_at) for name, value in reading.values.items()},
        readings=0,
        rssi=reading.rssi,
        packet_id=reading.packet_id,
        flags=reading.flags,
        measured=reading.measured,
    )
