"""`bluflow sensors`: the registry looked at and changed, an order written into the raw frames."""

import re
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from runtime.kafka import partition_of
from schemas.frame import Frame
from schemas.topics import RAW_FRAMES
from tests.cli.processes import bluflow

SENSOR = "7c:c6:b6:bd:4c:b5"


def test_check_prints_what_the_file_says(tmp_path: Path) -> None:
    (tmp_path / "sensors.yaml").write_text(
        "sensors:\n"
        "  7CC6B6BD4CB5:\n"
        "    name: Fridge\n"
        "    location: [{from: 2026-01-01, location: Cellar}]\n"
        "    limits: {temperature: [2, 8.5], humidity: [null, 70]}\n"
        "  112233445566: {location: Attic, expected_interval: 90, offsets: {temperature: -0.3}}\n"
    )
    done = bluflow("sensors", "check", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "sensors.yaml: 2 sensors\n")
    assert [re.split("  +", line) for line in done.stdout.splitlines()] == [
        ["sensor", "name", "location", "expected_interval", "limits", "offsets"],
        ["11:22:33:44:55:66", "-", "Attic", "90 s", "-", "temperature -0.3"],
        [SENSOR, "Fridge", "Cellar from 2026-01-01", "60 s", "temperature 2..8.5, humidity ..70", "-"],
    ]


def test_check_names_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("sensors:\n  bath: {}\n")
    done = bluflow("sensors", "check", "other.yaml", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "bluflow: other.yaml:2: 'bath' is not a MAC address\n"
    assert bluflow("sensors", "check", "none.yaml", folder=tmp_path).returncode == 2
    unnamed = bluflow("sensors", "check", folder=tmp_path)
    assert (unnamed.returncode, unnamed.stderr) == (0, "sensors.yaml: 0 sensors (no such file)\n")


async def test_reset_counter_writes_the_operators_frame(tmp_path: Path, kafka: str, topics: str) -> None:
    env = {"BROKER": kafka, "BLUFLOW_TOPIC_PREFIX": topics}
    done = bluflow("sensors", "reset-counter", "7CC6B6BD4CB5", folder=tmp_path, **env)
    topic, partition = RAW_FRAMES.full_name(topics), partition_of(SENSOR.encode(), RAW_FRAMES.embedded_partitions)
    said = f"{SENSOR}: its next packet may begin a new counter (order written at {topic}:{partition}:0)\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, partition)])
        record = await consumer.getone()
    finally:
        await consumer.stop()
    frame = Frame.from_record(record.value, record.headers)
    assert (record.key, frame.topic, frame.operator) == (SENSOR.encode(), f"bluflow/reset-counter/{SENSOR}", True)
    assert abs(frame.received_at - record.timestamp) < 60_000


@pytest.mark.parametrize(
    ("mac", "env", "line"),
    [
        ("fridge", {}, "not a MAC address: 'fridge'"),
        (SENSOR, {"BROKER": "127.0.0.1:1"}, "no Kafka broker answers on 127.0.0.1:1"),
    ],
)
def test_reset_counter_refuses_in_one_line(tmp_path: Path, mac: str, env: dict[str, str], line: str) -> None:
    done = bluflow("sensors", "reset-counter", mac, folder=tmp_path, **env)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(rf"bluflow: .*{line}.*\n", done.stderr), done.stderr


def test_reset_counter_does_not_write_into_a_topic_that_is_not_there(tmp_path: Path, kafka: str) -> None:
    env = {"BROKER": kafka, "BLUFLOW_TOPIC_PREFIX": "nobody."}
    done = bluflow("sensors", "reset-counter", SENSOR, folder=tmp_path, **env)
    assert done.returncode == 2
    assert re.fullmatch(r"bluflow: .* has no topic nobody\.raw-frames\.v1: correct .*\n", done.stderr), done.stderr
