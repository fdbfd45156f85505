"""When two generations say the same of a sensor."""

from typing import Any

from aiokafka import AIOKafkaProducer

from cli.generation_compare import as_json, as_text, compare, latest_of
from schemas.codec import encode
from schemas.reading import Latest
from schemas.topics import LATEST
from tests.api.fakes import NOW, OTHER, SENSOR, latest

THIRD = "7c:c6:b6:00:00:03"
NAMES = ("default", "g2")


def said(**sensors: Any) -> dict[str, Latest]:
    return {each.sensor: each for each in sensors.values()}


def test_another_copy_of_the_same_packet_is_the_same() -> None:
    ours = said(a=latest(), b=latest(OTHER, 7))
    theirs = said(a=latest(revision=3, seen=NOW - 12_390, gateway="attic"), b=latest(OTHER, 2, readings=99))
    found = compare(ours, theirs)
    assert as_text(NAMES, found, 10).splitlines() == [
        "2 sensors agree",
        "0 stand at an older packet in default",
        "0 stand at an older packet in g2",
        "0 differ",
        "0 only in default",
        "0 only in g2",
    ]


def test_what_differs_is_named_and_what_is_only_older_is_not_a_difference() -> None:
    ours = said(a=latest(), b=latest(OTHER), c=latest(THIRD))
    theirs = said(a=latest(values={"temperature": 2.23, "voltage": 3.1}), b=latest(OTHER, seen=NOW, packet_id=79))
    found = compare(ours, theirs)
    assert as_json(NAMES, found, 1) == {
        "generations": ["default", "g2"],
        "same": 0,
        "older_in": {"default": 1, "g2": 0},
        "differ": {"sensors": 1, "first": {SENSOR: "temperature 22.3 / 2.23, voltage - / 3.1"}},
        "only_in": {"default": {"sensors": 1, "first": [THIRD]}, "g2": {"sensors": 0, "first": []}},
    }
    assert "1 only in default: " + THIRD in as_text(NAMES, found, 1)


async def test_of_a_sensor_the_highest_revision_counts(kafka: str, topics: str) -> None:
    topic = LATEST.full_name(topics)
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for each in (latest(revision=5, rssi=-1), latest(revision=3, rssi=-2), latest(OTHER)):
            await producer.send_and_wait(topic, encode(each), key=each.sensor.encode())
        await producer.send_and_wait(topic, None, key=OTHER.encode())
    assert await latest_of(kafka, topic) == {SENSOR: latest(revision=5, rssi=-1)}
