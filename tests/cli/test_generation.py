"""`bluflow generation` as its user starts it, and the commands beside it when a generation is set."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.generation_broker import GenerationBroker
from cli.generation_status import SINKS
from cli.generation_topics import groups_of
from runtime.kafka import topics_of
from schemas.topics import CLOCK, DECODE_CHANGELOG, DERIVED, READINGS, TOPICS
from tests.cli.processes import bluflow
from tests.conftest import find_free_port

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(kafka: str, topics: str, tmp_path: Path) -> Run:
    """The command on a broker with the first generation's topics."""

    def start(*arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
        settings = {"BROKER": kafka, "BLUFLOW_TOPIC_PREFIX": topics, "BLUFLOW_DATA": str(tmp_path), **env}
        return bluflow(*arguments, folder=tmp_path, **settings)

    return start


async def partitions(kafka: str, prefix: str, generation: str) -> dict[str, int]:
    """Of each derived topic that is there."""
    async with GenerationBroker(kafka) as broker:
        there = await broker.topics()
    names = {topic.name: topic.full_name(prefix, generation) for topic in DERIVED}
    return {name: there[full] for name, full in names.items() if full in there}


async def test_a_generation_is_made_like_the_live_one_or_with_other_partitions(
    run: Run, kafka: str, topics: str
) -> None:
    assert run("generation", "create", "g2").returncode == 0
    assert await partitions(kafka, topics, "g2") == await partitions(kafka, topics, "")
    assert run("generation", "create", "g3", "--partitions", "7").returncode == 0
    fixed = {CLOCK.name: 1, DECODE_CHANGELOG.name: 4}  # the raw log's
    assert await partitions(kafka, topics, "g3") == {topic.name: fixed.get(topic.name, 7) for topic in DERIVED}
    assert run("generation", "create", "g4", BLUFLOW_GENERATION="g3").returncode == 0
    assert await partitions(kafka, topics, "g4") == await partitions(kafka, topics, "g3")
    differ = run("generation", "create", "g3", "--partitions", "8")
    assert (differ.returncode, "has 7 partitions, not 8" in differ.stderr) == (2, True)
    found = {each["generation"]: each for each in json.loads(run("generation", "status", "--json").stdout)}
    assert {name: each["partitions"] for name, each in found.items()} == {"default": 4, "g2": 4, "g3": 7, "g4": 7}
    assert [name for name, each in found.items() if each["live"]] == ["default"]


async def test_what_is_half_there_is_shown_made_whole_and_dropped(run: Run, kafka: str, topics: str) -> None:
    assert run("generation", "create", "g2").returncode == 0
    group = groups_of(topics, "g2")[1]
    name = READINGS.full_name(topics, "g2")
    second = f"{topics}sink-history-b.g2"  # of a second store
    async with GenerationBroker(kafka) as broker:
        for each in (group, second, f"{topics}sink-history-b"):
            await broker.commit(each, await broker.ends(name, 4))
        await broker.delete([name], [])
    assert "g2          -     -           -" in (text := run("generation", "status").stdout)
    assert f"lacks 1 of its {len(DERIVED)} topics" in text
    for arguments in (("switch", "g2"), ("compare", "default", "g2")):
        assert run("generation", *arguments).returncode == 2
    assert run("generation", "create", "g2").stdout == f"made: {name}\n"

    dry = run("generation", "drop", "g2", "--dry-run")
    assert (dry.returncode, dry.stdout.count("topic "), dry.stdout.count("group ")) == (0, len(DERIVED), 2 + len(SINKS))
    nobody = run("generation", "drop", "g2")
    assert (nobody.returncode, "add --yes" in nobody.stderr) == (2, True)
    assert len(await partitions(kafka, topics, "g2")) == len(DERIVED)
    assert run("generation", "drop", "g2", "--yes").returncode == 0
    assert await partitions(kafka, topics, "g2") == {}
    async with GenerationBroker(kafka) as broker:
        for each in (group, second):
            assert await broker.committed(each, name) == {}, "one of that name made again begins anew"
        assert await broker.committed(f"{topics}sink-history-b", name)
    again = run("generation", "drop", "g2", "--yes")
    assert (again.returncode, "there is no generation g2 on" in again.stderr) == (2, True)


async def test_the_first_generation_may_go_when_another_is_live(run: Run, kafka: str, topics: str) -> None:
    run("generation", "create", "g2")
    assert run("generation", "drop", "default", "--yes", BLUFLOW_GENERATION="g2").returncode == 0
    left = {name for name in await topics_of(kafka) if name.startswith(topics)}
    assert left == {topic.full_name(topics, "g2") for topic in TOPICS}
    assert "default" not in run("generation", "status", BLUFLOW_GENERATION="g2").stdout


@pytest.mark.parametrize(
    ("arguments", "env", "line"),
    [
        ("create default", {}, "bluflow topics --create"),
        ("create G2", {}, "is not a generation's name"),
        ("create g2 --partitions 0", {}, "--partitions"),
        ("create g2", {"BLUFLOW_GENERATION": "gone"}, "generation gone, which is live by the settings, is not whole"),
        ("create g2", {"BLUFLOW_TOPIC_PREFIX": "nobody."}, "no topic nobody.raw-frames.v1"),
        ("status", {"BROKER": "127.0.0.1:1"}, "no Kafka broker answers on 127.0.0.1:1"),
        ("status", {"BLUFLOW_GENERATION": "a.b"}, "BLUFLOW_GENERATION (generation in bluflow.yaml): at most 20"),
        ("compare default g2", {}, "generation g2 is not on"),
        ("switch g2", {}, "history.sqlite is not there"),
        ("switch default", {}, "default is the live generation"),
        ("drop default --yes", {}, "default is the live generation"),
        ("drop default --yes", {"BLUFLOW_GENERATION": "default"}, "default is the live generation"),
        ("drop g9 --yes", {}, "there is no generation g9"),
    ],
)
def test_what_cannot_be_done_is_one_line(run: Run, arguments: str, env: dict[str, str], line: str) -> None:
    done = run("generation", *arguments.split(), **env)
    assert (done.returncode, done.stdout) == (2, "")
    assert line in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["create", "switch", "drop"])
def test_the_embedded_broker_has_no_generations(tmp_path: Path, command: str) -> None:
    done = bluflow("generation", command, "g2", folder=tmp_path)
    assert (done.returncode, "see docs/generations.md" in done.stderr) == (2, True)


def test_the_embedded_stack_does_not_begin_one(tmp_path: Path) -> None:
    done = bluflow("run", folder=tmp_path, BLUFLOW_GENERATION="g2", BLUFLOW_DATA=str(tmp_path))
    assert (done.returncode, "BLUFLOW_GENERATION is for a Kafka of your own" in done.stderr) == (2, True)


def test_a_misspelt_generation_is_not_begun(run: Run, mqtt: str, topics: str) -> None:
    names = ("BRIDGE", "STREAMS", "SINKS", "API", "INVENTORY")
    ports = {f"{name}_PORT": str(find_free_port()) for name in names}
    done = run("run", BLUFLOW_GENERATION="g3", MQTT=mqtt, BLUFLOW_TOPIC_PREFIX=f"{topics}new.", **ports)
    assert (done.returncode, "bluflow generation create g3, or correct BLUFLOW_GENERATION" in done.stderr) == (2, True)
    made = run("topics", "--create", BLUFLOW_GENERATION="g3")
    assert (made.returncode, "made with: bluflow generation create" in made.stderr) == (2, True)


def test_topics_are_shown_as_the_generation_has_them(run: Run, topics: str) -> None:
    names = {each["name"] for each in json.loads(run("topics", "--json", BLUFLOW_GENERATION="g2").stdout)}
    assert names == {topic.full_name(topics, "g2") for topic in TOPICS}
