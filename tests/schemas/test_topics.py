"""The names of generations: none can be mistaken for another's, nor for another installation's."""

import pytest

from schemas.topics import (
    DERIVED,
    RAW_FRAMES,
    READINGS,
    TOPICS,
    generations_in,
    is_generation,
    sink_group,
    worker_group,
)


def test_what_is_derived_is_of_a_generation_and_the_log_is_not() -> None:
    assert READINGS.full_name("shelly.", "g2") == "shelly.readings.v1.g2"
    assert RAW_FRAMES.full_name("shelly.", "g2") == RAW_FRAMES.full_name("shelly.") == "shelly.raw-frames.v1"
    assert {topic.name for topic in TOPICS} - {topic.name for topic in DERIVED} == {
        "raw-frames.v1",
        "sensors.v1",
        "dead-letters.v1",
    }


def test_groups_that_read_what_is_derived_are_of_a_generation() -> None:
    assert worker_group("shelly.", "") == "shelly.bluflow-streams"
    assert worker_group("shelly.", "g2") == "shelly.bluflow-streams.g2"
    assert sink_group("shelly.", "history", READINGS, "g2") == "shelly.sink-history.g2"
    assert sink_group("shelly.", "archive", RAW_FRAMES, "g2") == "shelly.sink-archive"
    assert sink_group("shelly.", "history", READINGS, "g2", "b") == "shelly.sink-history-b.g2"


@pytest.mark.parametrize("prefix", ["shelly.", "", "shelly.g2."])
def test_the_generations_of_a_broker_are_found_by_their_topics(prefix: str) -> None:
    ours = {
        generation: {topic.full_name(prefix, generation) for topic in DERIVED} for generation in ("", "g2", "decode")
    }
    strangers = {f"{prefix}g2.{topic.name}" for topic in TOPICS} | {f"x{prefix}{topic.name}.g3" for topic in TOPICS}
    others = {
        f"{prefix}readings.v1.default",
        f"{prefix}readings.v1.Old",
        f"{prefix}readings.v2",
        f"{prefix}raw-frames.v1",
    }
    assert generations_in(set().union(*ours.values(), strangers, others), prefix) == ours
    assert generations_in([READINGS.full_name(prefix, "half")], prefix) == {
        "half": {READINGS.full_name(prefix, "half")}
    }


@pytest.mark.parametrize(("name", "good"), [("g2", True), ("2", True), ("more-partitions", True), ("-a", False)])
def test_a_name_is_a_small_word(name: str, good: bool) -> None:
    assert bool(is_generation(name)) == good
    assert not any(map(is_generation, ["", "G2", "a.b", "a_b", "x" * 21, "é"]))
