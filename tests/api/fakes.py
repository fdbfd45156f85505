"""What the API meets outside, made by hand: states, readings, gateways, a history that can fail."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from history.store import StoreUnavailable
from schemas.advertisement import Coordinate
from schemas.aggregate import Aggregate
from schemas.delivery import Delivery
from schemas.gateway import GatewayState
from schemas.reading import Latest, LatestValue, Reading, Reception

NOW = 1_772_366_400_000  # 2026-03-01T12:00:00Z
MINUTE = 60_000
SENSOR = "7c:c6:b6:bd:4c:b5"
OTHER = "7c:c6:b6:00:00:01"
GATEWAY = "shellypro2-0cb815fcaff4"


def latest(sensor: str = SENSOR, revision: int = 1, *, seen: int | None = NOW - 12_400, **changes: Any) -> Latest:
    """A sensor's state that was measured and seen at `seen`."""
    at = NOW if seen is None else seen
    values = {"temperature": 22.3, "humidity": 63, "battery": 100} | changes.pop("values", {})
    facts: dict[str, Any] = {
        "sensor": sensor,
        "revision": revision,
        "measured_at": at,
        "last_seen": seen,
        "time_source": "gateway",
        "gateway": GATEWAY,
        "values": {name: LatestValue(value, at) for name, value in values.items()},
        "readings": 1,
        "rssi": -66,
        "packet_id": 78,
        "receptions": {GATEWAY: Reception(-66, at, 3), "attic": Reception(-90, at - 5_000, 1)},
    }
    return Latest(**facts | changes)


def reading(measured_at: int, sensor: str = SENSOR, **changes: Any) -> Reading:
    """A reading that arrived 120 ms after it was measured."""
    facts: dict[str, Any] = {
        "sensor": sensor,
        "measured_at": measured_at,
        "received_at": measured_at + 120,
        "time_source": "gateway",
        "gateway": GATEWAY,
        "values": {"temperature": 22.3, "humidity": 63, "battery": 100},
        "format": "bluflow",
        "at": Coordinate(0, 0, measured_at, 0),
        "rssi": -66,
        "packet_id": 78,
    }
    return Reading(**facts | changes)


def gateway(prefix: str = GATEWAY, revision: int = 1, **changes: Any) -> GatewayState:
    """A gateway that spoke 3.2 s ago."""
    facts: dict[str, Any] = {"gateway": prefix, "prefix": prefix, "revision": revision, "frames": 7}
    return GatewayState(**facts | {"last_frame": NOW - 3_200} | changes)


def aggregate(start: int, quantity: str = "temperature", width: int = 300, index: int = 0, **changes: Any) -> Aggregate:
    """A final window that begins at `start`."""
    facts: dict[str, Any] = {
        "sensor": SENSOR,
        "quantity": quantity,
        "index": index,
        "width": width,
        "start": start,
        "count": 5,
        "min": 21.9,
        "max": 22.4,
        "mean": 22.16,
        "first": 22.4,
        "first_at": start,
        "last": 21.9,
        "last_at": start + 4 * MINUTE,
        "revision": 1,
        "final": True,
    }
    return Aggregate(**facts | changes)


@dataclass
class FakeHistory:
    """A HistoryReader that makes `count` readings up and fails at the one numbered `fails_at`.

    It counts what it gave, and notes when nobody reads it any more.
    """

    count: int = 0
    fails_at: int | None = None
    given: int = 0
    left: bool = False
    known: list[Reading] = field(default_factory=list)
    windows: list[Aggregate] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    async def readings(self, sensor: str, start: int, end: int) -> AsyncIterator[Reading]:
        try:
            for number in range(self.count):
                if number == self.fails_at:
                    raise StoreUnavailable("the disk is gone")
                self.given += 1
                yield reading(start + number, sensor)
        finally:
            self.left = True

    async def aggregates(self, sensor: str, width: int, start: int, end: int) -> AsyncIterator[Aggregate]:
        for one in self.windows:
            if one.width == width and start <= one.start < end:
                yield one

    async def deliveries(self, sensor: str, start: int, end: int) -> Sequence[Delivery]:
        if self.fails_at is not None:
            raise StoreUnavailable("the disk is gone")
        return []

    async def stored(self, sensor: str, start: int, end: int) -> Mapping[int, int]:
        return {}

    async def newest(self) -> Sequence[Reading]:
        if self.failures:
            raise self.failures.pop(0)
        return self.known

    async def close(self) -> None:
        return None
