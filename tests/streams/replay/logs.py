"""Raw logs for replays: some days of two gateways and their sensors, as a bridge would have written them."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence, Set
from typing import NamedTuple

from aiokafka import AIOKafkaProducer

from history.archive import Placed, RawRecord
from history.spans import Span
from schemas.frame import Frame, tick_headers

DAY, HOUR, MINUTE = 86_400_000, 3_600_000, 60_000
D0 = 1_759_622_400_000  # midnight UTC
SENSORS = ("7c:c6:b6:bd:4c:b5", "7c:c6:b6:00:00:01")
ENCRYPTED = "7c:c6:b6:01:02:03"
KEY = bytes.fromhex("0123456789abcdef" * 2)
# one packet of it, counter 1725168459
_SECRET = "451aab52a6ba2941ce544bfbd366ce74a710"
GATEWAYS = {"gw-a": 0, "gw-b": 1}  # by raw partition


class Heard(NamedTuple):
    """A packet that a gateway heard, times in unix milliseconds; `received_at` is when the bridge had it."""

    gateway: str
    sensor: str
    packet_id: int
    measured_at: int
    received_at: int
    queued: bool = False

    def frame(self) -> Frame:
        """As our script sends it."""
        tenths = 200 + self.packet_id % 50
        hex_ = f"44 00 {self.packet_id:02x} 01 64 2e 2d 45".replace(" ", "") + tenths.to_bytes(2, "little").hex()
        return frame(self.gateway, self.sensor, hex_, self.measured_at, self.received_at, queued=self.queued)


def frame(gateway: str, sensor: str, hex_: str, measured_at: int, received_at: int, *, queued: bool = False) -> Frame:
    """One packet of service data in a frame of our script."""
    said = {"v": 1, "seq": 1, "d": [[sensor, -66, 0, hex_]]}
    event = {"component": "script:1", "id": 1, "event": "bluflow", "ts": measured_at / 1000, "data": said}
    params = {"ts": measured_at / 1000, "events": [event]}
    payload = json.dumps({"src": gateway, "dst": "x", "method": "NotifyEvent", "params": params}).encode()
    return Frame(f"{gateway}/events/rpc", payload, received_at, queued=queued)


def secret_frame(at: int) -> Frame:
    """An encrypted packet, at that time."""
    return frame("gw-a", ENCRYPTED, _SECRET, at, at + 40)


def packets(start: int, end: int, *, every: int = 10 * MINUTE) -> Iterator[Heard]:
    """Each sensor's packets, each heard by both gateways; which one is quicker changes."""
    for number, at in enumerate(range(start, end, every)):
        for which, sensor in enumerate(SENSORS):
            measured = at + which * 7_000
            slow = number % 2
            yield Heard("gw-a", sensor, number % 256, measured, measured + 50 + 100 * slow)
            yield Heard("gw-b", sensor, number % 256, measured + 3, measured + 150 - 100 * slow)


def log(
    frames: Iterable[Frame], start: int, end: int, *, tick_every: int = 80_000, partitions: int = len(GATEWAYS)
) -> list[Placed]:
    """The log of its partitions with ticks in [start, end), by (received_at, partition, offset)."""
    written: defaultdict[int, list[tuple[int, RawRecord]]] = defaultdict(list)
    for each in frames:
        gateway = each.topic.split("/", 1)[0]
        place = GATEWAYS[gateway]
        record = RawRecord(place, gateway.encode(), each.payload, each.headers())
        written[place].append((each.received_at, record))
    for place in range(partitions):
        for at in range(start + place, end, tick_every):
            written[place].append((at, RawRecord(place, b"", b"", tick_headers(at))))
    placed = [
        Placed(offset, at, record)
        for records in written.values()
        for offset, (at, record) in enumerate(sorted(records, key=lambda each: each[0]))
    ]
    return sorted(placed, key=lambda each: (each.received_at, each.record.partition, each.offset))


async def publish(kafka: str, topic: str, records: Iterable[Placed], *, delay: int | None = 40) -> None:
    """As the bridge does: a record's Kafka time is when it is written, `delay` after its arrival; None: now."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        for placed in records:
            raw = placed.record
            await producer.send(
                topic,
                raw.value,
                raw.key,
                partition=raw.partition,
                headers=raw.headers,
                timestamp_ms=None if delay is None else placed.received_at + delay,
            )
        await producer.flush()
    finally:
        await producer.stop()


class ListSource:
    """A source in memory. `dies_after`: so many records later reading is interrupted."""

    partitions = len(GATEWAYS)
    by_offset = True
    through = 1 << 62
    older = True

    def __init__(self, records: list[Placed], *, cut: Iterable[int] = (), missing: Sequence[Span] = ()) -> None:
        self._records, self.total, self.missing = records, len(records), missing
        self.cut: Set[int] = set(cut)

    def away(self, time: int) -> tuple[int, ...]:
        return ()

    async def records(self) -> AsyncIterator[Placed]:
        for placed in self._records:
            yield placed
