"""A backlog of advertisements, as decode would have written it: the same bytes for every contestant.

Every sensor speaks once a minute and counts its packets; one packet in four is heard by a second gateway too, so that a
fifth of the advertisements are copies. Three gateways, each with a raw partition of its own, and the clock's ticks.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer

from runtime.kafka import ensure_topics, partition_of
from schemas.advertisement import Advertisement, Coordinate, Tick
from schemas.codec import encode
from schemas.topics import DAY, Topic
from shelly.world.beacon import service_data

PARTITIONS = 4
GATEWAYS = 3
START = 1_759_622_400_000  # unix milliseconds; a broker's backlog ends now, or its retention would take what is written
MINUTE, TICK = 60_000, 30_000

Record = tuple[int, bytes, bytes]  # partition, key, value


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a topic holds: records in all, of them advertisements, of these first copies."""

    topic: str
    records: int
    advertisements: int
    packets: int


def sensor(index: int) -> str:
    """Its address."""
    text = f"7cc6b6{index:06x}"
    return ":".join(text[i : i + 2] for i in range(0, 12, 2))


def records(advertisements: int, sensors: int, start: int = START) -> Iterator[Record]:
    """The backlog in order of arrival; ticks go into every partition, as decode sends them."""
    offsets, said, packet, next_tick = [0] * PARTITIONS, 0, 0, start + TICK

    def place(raw_partition: int) -> Coordinate:
        offsets[raw_partition] += 1
        return Coordinate(0, raw_partition, offsets[raw_partition], 0)

    while said < advertisements:
        at = start + packet * MINUTE // sensors
        while at >= next_tick:
            for raw_partition in range(PARTITIONS):
                value = encode(Tick(next_tick, place(raw_partition)))
                yield from ((partition, b"", value) for partition in range(PARTITIONS))
            next_tick += TICK
        number, index = divmod(packet, sensors)
        address = sensor(index)
        for copy in range(2 if packet % 4 == 0 and said + 1 < advertisements else 1):
            gateway = (packet + copy) % GATEWAYS
            heard = _heard(address, number + index, at, gateway, copy, place(gateway))
            yield partition_of(address.encode(), PARTITIONS), address.encode(), encode(heard)
            said += 1
        packet += 1


def _heard(address: str, number: int, at: int, gateway: int, copy: int, place: Coordinate) -> Advertisement:
    packet_id, battery, humidity, temperature = number % 256, 90, 40 + number % 7, (200 + number % 50) / 10
    values = {"packet_id": packet_id, "battery": battery, "humidity": humidity, "temperature": temperature}
    return Advertisement(
        address,
        f"shellypro2-{0xAABBCC + gateway:06x}",
        at + copy * 20,
        at + 80,
        "gateway",
        values,
        "bluflow",
        place,
        rssi=-60 - copy,
        trigger_based=True,
        service_data_hex=service_data(packet_id, battery, humidity, temperature).hex(),
    )


async def load(broker: str, topic: str, advertisements: int, sensors: int) -> Backlog:
    """Write the backlog into a topic of its own."""
    await ensure_topics(broker, [Topic(topic, "sensor", "", "delete", DAY, PARTITIONS)], "", embedded=False)
    producer = AIOKafkaProducer(bootstrap_servers=broker, max_batch_size=256 * 1024)
    await producer.start()
    batches = [producer.create_batch() for _ in range(PARTITIONS)]
    count = heard = packets = 0
    lasts = advertisements * 4 // 5 * MINUTE // sensors
    start = (time.time_ns() // 1_000_000 - lasts) // MINUTE * MINUTE
    try:
        for partition, key, value in records(advertisements, sensors, start):
            if batches[partition].append(key=key, value=value, timestamp=None) is None:
                await producer.send_batch(batches[partition], topic, partition=partition)
                batches[partition] = producer.create_batch()
                batches[partition].append(key=key, value=value, timestamp=None)
            count += 1
            heard += bool(key)
            packets += b'"rssi":-60' in value
        for partition, batch in enumerate(batches):
            await producer.send_batch(batch, topic, partition=partition)
        await producer.flush()
    finally:
        await producer.stop()
    return Backlog(topic, count, heard, packets)
