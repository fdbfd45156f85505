"""`bluflow sensors` changes the registry on a real broker, and says what that means for earlier readings."""

import json
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from schemas.codec import encode
from schemas.reading import Latest, LatestValue, Refused
from schemas.topics import LATEST
from tests.cli.processes import bluflow

FRIDGE, ATTIC, STRANGER = "7c:c6:b6:bd:4c:b5", "11:22:33:44:55:66", "f8:44:77:3a:0e:4b"
DAY = timedelta(days=1)

Sensors = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def sensors(kafka: str, topics: str, tmp_path: Path) -> Sensors:
    """The command; the file of the settings knows the attic."""
    (tmp_path / "sensors.yaml").write_text(f"sensors:\n  {ATTIC}: {{name: Attic, location: Roof}}\n")

    def run(*arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
        settings = {"BROKER": kafka, "BLUFLOW_TOPIC_PREFIX": topics, **env}
        return bluflow("sensors", *arguments, folder=tmp_path, **settings)

    return run


def said(done: "subprocess.CompletedProcess[str]") -> list[str]:
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.splitlines()


def listed(sensors: Sensors, *arguments: str) -> dict[str, dict[str, object]]:
    return {one.pop("sensor"): one for one in json.loads(sensors("list", "--json", *arguments).stdout)}


async def hear(kafka: str, topics: str, *ids: str) -> None:
    """The first are read; of the last no key is known."""
    refused = Latest(ids[-1], 1, None, None, None, None, {}, 0, refused=Refused(0, 1, "bindkey_missing"))
    read = [Latest(id, 1, 0, 1_767_225_600_000, "gateway", "g", {"battery": LatestValue(1, 0)}, 1) for id in ids[:-1]]
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for latest in (*read, refused):
            await producer.send_and_wait(LATEST.full_name(topics), encode(latest), latest.sensor.encode())


async def test_sensors_are_named_placed_and_listed(sensors: Sensors, kafka: str, topics: str) -> None:
    await hear(kafka, topics, FRIDGE, STRANGER)
    assert listed(sensors, "--unclaimed").keys() == {FRIDGE, STRANGER}
    assert said(sensors("name", "7CC6B6BD4CB5", "Fridge")) == [f"{FRIDGE}: name - -> Fridge"]
    where = ("--room", "Kitchen", "--floor", "1", "--site", "Home", "--since", "2026-01-01")
    place = '{"site": "Home", "floor": "1", "room": "Kitchen"}'
    assert said(sensors("locate", FRIDGE, *where)) == [
        f'{FRIDGE}: location - -> [{{"from": "2026-01-01", "location": {place}}}]'
    ]
    assert said(sensors("interval", FRIDGE, "5m")) == [f"{FRIDGE}: expected_interval - -> 300"]
    assert said(sensors("limits", FRIDGE, "temperature=2..8", "humidity=..70")) == [
        f'{FRIDGE}: limits - -> {{"humidity": [null, 70], "temperature": [2, 8]}}'
    ]
    assert said(sensors("limits", FRIDGE, "temperature=2..8")) == ["nothing to change: the registry says so already"]
    assert listed(sensors, "--unclaimed").keys() == {STRANGER}
    head, *rows = [re.split("  +", line) for line in said(sensors("list"))]
    assert head == [
        "sensor",
        "name",
        "location",
        "expected_interval",
        "limits",
        "offsets",
        "claimed",
        "last_seen",
        "refused",
    ]
    assert rows == [
        [ATTIC, "Attic", "Roof", "60 s", "-", "-", "yes", "-", "-"],
        [
            *(FRIDGE, "Fridge", "Home/1/Kitchen from 2026-01-01", "300 s"),
            *("humidity ..70, temperature 2..8", "-", "yes", "2026-01-01T00:00:00Z", "-"),
        ],
        [STRANGER, "-", "-", "60 s", "-", "-", "no", "-", "bindkey_missing"],
    ]


def test_what_earlier_readings_need_is_told(sensors: Sensors) -> None:
    today = datetime.now(UTC).date()
    changed, hint = said(sensors("calibrate", FRIDGE, "temperature=-0.3", "--since", str(today - 3 * DAY)))
    assert changed == (f'{FRIDGE}: offsets - -> {{"temperature": [{{"from": "{today - 3 * DAY}", "offset": -0.3}}]}}')
    command = f"bluflow replay --from {today - 3 * DAY} --to {today + DAY} --sensor {FRIDGE}"
    assert hint.endswith(f"by: {command}")
    # from now on: nothing that was measured is others
    assert len(said(sensors("calibrate", FRIDGE, "humidity=+2"))) == 1
    # SQLite's history has no places; InfluxDB's has, as far as there are raw frames
    assert len(said(sensors("locate", FRIDGE, "--room", "Kitchen", "--since", "ever"))) == 1
    hint = said(sensors("locate", FRIDGE, "--room", "Hall", "--since", "ever", HISTORY="influxdb"))[-1]
    assert f"--from {today - 30 * DAY} --to" in hint


def test_what_the_file_says_is_kept_when_the_topic_takes_over(sensors: Sensors) -> None:
    said(sensors("name", ATTIC, "Loft"))
    told = {"claimed": True, "last_seen": None, "refused": None, "name": "Loft", "location": "Roof"}
    assert listed(sensors)[ATTIC] == told
    done = sensors("forget", ATTIC)
    assert (done.returncode, done.stdout) == (0, f"{ATTIC}: forgotten\n")
    assert "what sensors.yaml says of it counts again" in done.stderr
    assert listed(sensors)[ATTIC]["name"] == "Attic"
    done = sensors("forget", ATTIC)
    assert (done.returncode, "sensors.yaml alone knows it: take it out there" in done.stderr) == (2, True)


def test_one_file_takes_the_registry_out_and_brings_it_in(sensors: Sensors, tmp_path: Path) -> None:
    said(sensors("calibrate", FRIDGE, "temperature=-0.3", "--since", "ever"))
    assert sensors("export", "all.yaml").stderr == "all.yaml: 2 sensors\n"
    assert sensors("export", "all.yaml").stderr == "bluflow: all.yaml: File exists\n"
    exported = (tmp_path / "all.yaml").read_text()
    assert sensors("export").stdout == exported
    said(sensors("forget", FRIDGE))
    tried = said(sensors("import", "all.yaml", "--dry-run"))
    assert tried[:2] == [f"{ATTIC}: entered as it is", f'{FRIDGE}: offsets - -> {{"temperature": -0.3}}']
    assert FRIDGE not in listed(sensors)
    assert said(sensors("import", "all.yaml")) == tried
    assert sensors("export").stdout == exported
    (tmp_path / "bad.yaml").write_text("sensors:\n  bath: {}\n")
    done = sensors("import", "bad.yaml")
    assert (done.returncode, done.stderr) == (2, "bluflow: bad.yaml:2: 'bath' is not a MAC address\n")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("name", "fridge", "A"), "not a MAC address: 'fridge'"),
        (("name", FRIDGE, " "), "the name: 1 to 200 characters"),
        (("locate", FRIDGE), "say --room, --floor or --site, or else --nowhere"),
        (("locate", FRIDGE, "--nowhere", "--room", "A"), "or else --nowhere"),
        (("locate", FRIDGE, "--room", "A", "--since", "soon"), "'soon' is neither a date .*, nor the word ever"),
        (("calibrate", FRIDGE, "temperature"), "'temperature' is not like temperature=-0.3"),
        (("calibrate", FRIDGE, "temperature=nan"), "'nan' is not a number"),
        (("calibrate", FRIDGE, "temperature=1e7"), "beyond 1000000"),
        (("interval", FRIDGE, "0s"), "is not an interval from 1s to 24h"),
        (("limits", FRIDGE, "temperature=8"), "is not like temperature=2..8"),
        (("limits", FRIDGE, "temperature=8..2"), "the low end is above the high one"),
        (("limits", FRIDGE, "temperature=.."), "is not like temperature=2..8"),
        (("forget", FRIDGE), "is not in the registry's topic: not known"),
        (("import", "none.yaml"), "none.yaml: No such file"),
    ],
)
def test_what_cannot_be_done_is_one_line(sensors: Sensors, arguments: tuple[str, ...], line: str) -> None:
    done = sensors(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(rf"bluflow: .*{line}.*\n", done.stderr), done.stderr


def test_a_broker_or_topic_that_is_not_there_is_named(sensors: Sensors) -> None:
    done = sensors("name", FRIDGE, "A", BROKER="127.0.0.1:1")
    assert (done.returncode, "no Kafka broker answers on 127.0.0.1:1" in done.stderr) == (2, True)
    done = sensors("name", FRIDGE, "A", BLUFLOW_TOPIC_PREFIX="nobody.")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "has no topic nobody.sensors.v1; make it with: bluflow topics --create" in done.stderr
