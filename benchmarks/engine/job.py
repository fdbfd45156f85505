"""The job of every contestant, and what the peers share of it. Standard library, msgspec and schemas only."""

import sys
from typing import NamedTuple

from schemas.advertisement import Advertisement, CounterReset, Tick
from schemas.codec import decode_advertisement, encode
from schemas.reading import Reading

WINDOW_MS = 300_000
QUANTITIES = ("temperature", "humidity")


class Job(NamedTuple):
    """Work `topic` off, which holds so many records, of them so many advertisements; write into topics of `prefix`."""

    broker: str
    prefix: str
    topic: str
    records: int
    advertisements: int


def job() -> Job:
    """As the command line says."""
    broker, prefix, topic, records, advertisements = sys.argv[1:6]
    return Job(broker, prefix, topic, int(records), int(advertisements))


def heard(value: bytes) -> Advertisement | None:
    """The advertisement; None if it is another kind of record."""
    read: Advertisement | Tick | CounterReset = decode_advertisement(value)
    return read if isinstance(read, Advertisement) else None


def reading_of(advertisement: Advertisement) -> bytes:
    """The reading of a first copy, as our track writes it."""
    a = advertisement
    values = {name: value for name, value in a.values.items() if name != "packet_id"}
    packet_id = a.values["packet_id"]
    return encode(
        Reading(
            a.sensor,
            a.measured_at,
            a.received_at,
            a.time_source,
            a.gateway,
            values,
            a.format,
            a.at,
            a.rssi,
            packet_id,
            a.counter,
        )
    )
