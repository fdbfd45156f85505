"""What an entry says at a time, and what becomes of it when somebody says something new."""

import pytest

from schemas.registry import UNASSIGNED, Entry, Limit, Offset, Placement, Registry
from schemas.registry_edits import calibrated, limited, placed

FRIDGE = "7c:c6:b6:bd:4c:b5"


@pytest.mark.parametrize(
    ("place", "location"),
    [
        (Placement(0, "Kitchen"), "Kitchen"),
        (Placement(0, "Kitchen", "1", "Home"), "Home/1/Kitchen"),
        (Placement(0, None, "Cellar", None), "Cellar"),
        (Placement(0, "Kitchen", None, "Home"), "Home/Kitchen"),
        (Placement(0), UNASSIGNED),
    ],
)
def test_a_place_is_one_text(place: Placement, location: str) -> None:
    assert place.location == location


def test_the_offset_is_the_one_of_its_time() -> None:
    entry = Entry(FRIDGE, offsets={"temperature": (Offset(100, -0.3), Offset(200, 0), Offset(300, 1))})
    assert [entry.offset_at("temperature", time) for time in (99, 100, 199, 200, 300)] == [0, -0.3, -0.3, 0, 1]
    assert entry.offset_at("humidity", 150) == 0


def test_values_are_corrected_and_what_was_said_is_kept() -> None:
    entry = Entry(FRIDGE, offsets={"temperature": (Offset(0, -0.3),), "humidity": (Offset(0, 2),)})
    values = {"temperature": 22.3, "humidity": 46, "battery": 100}
    right, said = entry.corrected(values, 5)
    assert (right, said) == (
        {"temperature": 22.0, "humidity": 48, "battery": 100},
        {"temperature": 22.3, "humidity": 46},
    )
    assert values == {"temperature": 22.3, "humidity": 46, "battery": 100}
    assert entry.corrected({"temperature": 0.3}, 5) == ({"temperature": 0.0}, {"temperature": 0.3})


def test_only_numbers_are_corrected_each_of_a_list() -> None:
    entry = Entry(
        FRIDGE, offsets={"temperature": (Offset(0, 0.1),), "window": (Offset(0, 1),), "text": (Offset(0, 1),)}
    )
    values = {"temperature": [0.2, "cold", 1], "window": True, "text": "a"}
    assert entry.corrected(values, 5) == (
        {"temperature": [0.3, "cold", 1.1], "window": True, "text": "a"},
        {"temperature": [0.2, "cold", 1]},
    )


def test_a_new_place_leaves_the_others_where_they_were() -> None:
    entry = placed(
        Entry(FRIDGE, placements=(Placement(100, "Cellar"), Placement(300, "Attic"))), Placement(200, "Hall")
    )
    assert [entry.location_at(time) for time in (99, 100, 200, 300)] == [UNASSIGNED, "Cellar", "Hall", "Attic"]
    again = placed(entry, Placement(200, "Bath"))
    assert [one.location for one in again.placements] == ["Cellar", "Bath", "Attic"]
    assert placed(entry, Placement(250, "Hall")) == entry
    assert placed(Entry(FRIDGE), Placement(5)) == Entry(FRIDGE)
    assert placed(entry, Placement(400)).location_at(400) == UNASSIGNED


def test_an_offset_of_nothing_ends_a_correction() -> None:
    entry = calibrated(Entry(FRIDGE), "temperature", Offset(100, -0.3))
    ended = calibrated(entry, "temperature", Offset(200, 0))
    assert ended.offsets == {"temperature": (Offset(100, -0.3), Offset(200, 0))}
    assert calibrated(ended, "temperature", Offset(100, 0)).offsets == {}


def test_limits_are_set_and_taken_away() -> None:
    entry = limited(Entry(FRIDGE, limits={"humidity": Limit(None, 70)}), "temperature", Limit(2, 8))
    assert entry.limits == {"humidity": Limit(None, 70), "temperature": Limit(2, 8)}
    assert limited(entry, "humidity", None).limits == {"temperature": Limit(2, 8)}


def test_who_has_no_entry_is_unclaimed_and_has_the_defaults() -> None:
    registry = Registry([Entry(FRIDGE)])
    assert (registry.claimed(FRIDGE), registry.claimed("x"), registry.entry("x")) == (True, False, Entry("x"))
