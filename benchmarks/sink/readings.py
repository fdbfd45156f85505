"""The readings that every sink stores: as their records' bytes, in batches as a sink takes them from Kafka."""

from collections.abc import Iterator

from schemas.advertisement import Coordinate
from schemas.codec import encode
from schemas.reading import Reading

BATCH = 5_000
SENSORS = 1_000
POINTS = 4  # of one reading in InfluxDB: the whole one, temperature, humidity, battery
START, MINUTE = 1_759_622_400_000, 60_000


def batches(count: int) -> list[list[bytes]]:
    """So many readings."""
    values = [encode(reading) for reading in _readings(count)]
    return [values[start : start + BATCH] for start in range(0, count, BATCH)]


def _readings(count: int) -> Iterator[Reading]:
    for number in range(count):
        index = number % SENSORS
        at = START + number // SENSORS * MINUTE + index
        yield Reading(
            f"7c:c6:b6:00:{index >> 8:02x}:{index & 255:02x}",
            at,
            at + 80,
            "gateway",
            f"shellypro2-{0xAABBCC + index % 20:06x}",
            {"battery": 90, "humidity": 40 + index % 30, "temperature": 20 + number % 100 / 10},
            "bluflow",
            Coordinate(0, index % 4, number, 0),
            rssi=-60 - index % 30,
            packet_id=number // SENSORS % 256,
        )
