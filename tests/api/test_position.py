"""Where a client of the event stream stands, in an id that any process understands."""

import pytest
from aiokafka import TopicPartition

from api.position import Position, digest, parse_position, position_of
from schemas.registry import Entry, Limit, Placement, Registry
from tests.api.fakes import OTHER, SENSOR

NOBODY = Registry()
TOPICS = ("latest", "gateways")
HERE = Position(digest(NOBODY, TOPICS), ((5, 9), (3, 4)))


def test_it_is_made_of_the_followed_partitions_in_order() -> None:
    offsets = {("gateways", 1): 4, ("latest", 1): 9, ("clock", 0): 77, ("gateways", 0): 3, ("latest", 0): 5}
    given = {TopicPartition(*place): offset for place, offset in offsets.items()}
    assert position_of(given, TOPICS, NOBODY) == HERE


def test_an_id_comes_back_as_it_was() -> None:
    assert parse_position(HERE.text()) == HERE
    assert HERE.text().replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("text", ["", "7", "!", "nonsense", HERE.text() + "AAAA", "wA", "é", "null"])
def test_what_is_no_id_of_ours_is_none(text: str) -> None:
    assert parse_position(text) is None


@pytest.mark.parametrize(
    ("seen", "ahead"),
    [
        (HERE, False),
        (HERE._replace(offsets=((0, 9), (3, 0))), False),
        (HERE._replace(offsets=((6, 9), (3, 4))), True),  # the log lost its end
        (HERE._replace(offsets=((5,), (3, 4))), True),  # the topic has more partitions now
        (HERE._replace(offsets=((5, 9),)), True),
        (HERE._replace(world=b"other"), True),
    ],
)
def test_who_can_be_resumed(seen: Position, ahead: bool) -> None:
    assert seen.is_ahead_of(HERE) == ahead


def test_a_registry_is_told_from_another_by_what_it_says() -> None:
    def registry(*, name: str = "Fridge", reverse: bool = False) -> Registry:
        entries = [Entry(SENSOR, name, (Placement(0, "Kitchen"),), limits={"humidity": Limit(1, None)}), Entry(OTHER)]
        return Registry(reversed(entries) if reverse else entries)

    assert digest(registry(), TOPICS) == digest(registry(reverse=True), TOPICS)
    assert digest(registry(), TOPICS) != digest(registry(name="Freezer"), TOPICS)
    assert digest(registry(), TOPICS) != digest(NOBODY, TOPICS)


def test_topics_of_another_generation_are_another_place_however_far_they_reach() -> None:
    far = {TopicPartition(f"{topic}.g2", number): 1000 for topic in TOPICS for number in range(2)}
    there = position_of(far, ("latest.g2", "gateways.g2"), NOBODY)
    assert HERE.is_ahead_of(there)
    assert there.is_ahead_of(HERE)
