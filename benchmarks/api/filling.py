"""What the API answers from, filled directly: compacted topics of sensors that are fresh, and days in the history."""

import asyncio
from pathlib import Path

from aiokafka import AIOKafkaProducer

from benchmarks.engine.backlog import MINUTE, PARTITIONS, sensor
from history.sqlite import SqliteHistory
from runtime.kafka import partition_of
from schemas.advertisement import Coordinate
from schemas.codec import encode
from schemas.gateway import Clock, GatewayState
from schemas.reading import Latest, LatestValue, Reading, Reception
from schemas.topics import CLOCK, GATEWAYS, LATEST, Topic

DAY = 1_440  # readings
_SENSORS_PER_GATEWAY = 100
_BATCH = 5_000


def gateway(number: int) -> str:
    """Its id and prefix."""
    return f"shellypro2-{0xA8032ABE54D0 + number:012x}"


def latest(index: int, number: int, now: int) -> Latest:
    """A sensor that spoke within the last minute and is heard by three gateways."""
    at = now - index % 60 * 1000
    values = {"temperature": 20 + index % 80 / 10, "humidity": 40 + index % 30, "battery": 90}
    home = index // _SENSORS_PER_GATEWAY
    heard = {gateway(home + near): Reception(-60 - near, at, 500) for near in range(3)}
    shown = {name: LatestValue(value, at) for name, value in values.items()}
    return Latest(
        sensor(index),
        number + 1,
        at,
        at,
        "gateway",
        gateway(home),
        shown,
        DAY,
        rssi=-60,
        packet_id=number,
        receptions=heard,
    )


def reading(index: int, number: int, start: int) -> Reading:
    """Of a day that began at `start`, its minute `number`."""
    at = start + number * MINUTE + index
    values = {"temperature": 20 + number % 80 / 10, "humidity": 40 + index % 30, "battery": 90}
    place = Coordinate(0, index % PARTITIONS, number, 0)
    home = gateway(index // _SENSORS_PER_GATEWAY)
    return Reading(
        sensor(index), at, at + 80, "gateway", home, values, "bluflow", place, rssi=-60, packet_id=number % 256
    )


async def fill_topics(broker: str, prefix: str, sensors: int, number: int, now: int) -> None:
    """All sensors, their gateways and the clock as of `now` (unix milliseconds); a higher `number` replaces a lower."""
    producer = AIOKafkaProducer(bootstrap_servers=broker)
    await producer.start()
    try:

        async def send(topic: Topic, key: bytes, value: object) -> "asyncio.Future[object]":
            place = partition_of(key, topic.embedded_partitions)
            sent: asyncio.Future[object] = await producer.send(
                topic.full_name(prefix), encode(value), key=key, partition=place
            )
            return sent

        sent = [await send(CLOCK, b"%d" % each, Clock(each, now)) for each in range(PARTITIONS)]
        for each in range(-(-sensors // _SENSORS_PER_GATEWAY) + 2):
            name = gateway(each)
            sent.append(await send(GATEWAYS, name.encode(), GatewayState(name, name, number + 1, now, 1_000)))
        for index in range(sensors):
            sent.append(await send(LATEST, sensor(index).encode(), latest(index, number, now)))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def fill_history(file: Path, sensors: int, start: int) -> None:
    """A day from `start` on of so many sensors, as the sink would have written it: minute after minute."""
    store = SqliteHistory(file)
    waiting: list[Reading] = []
    for number in range(DAY):
        waiting += [reading(index, number, start) for index in range(sensors)]
        if len(waiting) >= _BATCH or number == DAY - 1:
            await store.write(waiting)
            waiting = []
    await store.close()
