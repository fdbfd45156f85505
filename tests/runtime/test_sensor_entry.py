"""An entry is written as it is read, and the published JSON schema says the same as the reading does."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from runtime.sensor_entry import moment, shown_moment
from runtime.sensors_file import InvalidSensors, parse_sensors, written
from schemas.registry import Entry, Limit, Offset, Placement

FRIDGE = "7c:c6:b6:bd:4c:b5"
ROOT = Path(__file__).parents[2]
SCHEMA = jsonschema.Draft202012Validator(json.loads((ROOT / "schemas" / "sensors.schema.json").read_text()))


class CoreLoader(yaml.SafeLoader):
    """YAML as 1.2 has it and editors read it: a date is text."""


CoreLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if not tag.endswith(":timestamp")]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def by_schema(text: str) -> bool:
    return bool(SCHEMA.is_valid(yaml.load(text, CoreLoader)))  # noqa: S506  a SafeLoader


_TEXT = st.text(st.characters(categories=["L", "N", "P"], max_codepoint=0x2FF), min_size=1, max_size=12)
_TIME = st.one_of(st.integers(1, 20_000).map(lambda day: day * 86_400_000), st.integers(1, 2**41))
_NUMBER = st.integers(-1000, 1000) | st.decimals(-100, 100, places=2).map(float)


def dated(one: Any) -> Any:
    """Some in order of time, perhaps from ever on."""
    return st.lists(one, max_size=4, unique_by=lambda each: each.since).map(
        lambda found: tuple(sorted(found, key=lambda each: each.since))
    )


_PLACES = st.one_of(
    st.builds(Placement, _TIME, st.none() | _TEXT, st.none() | _TEXT, st.none() | _TEXT),
    st.builds(Placement, st.just(0), _TEXT, st.none() | _TEXT),
)
_LIMITS = st.tuples(_NUMBER, _NUMBER).map(lambda pair: Limit(*sorted(pair))) | _NUMBER.map(lambda low: Limit(low, None))
_QUANTITIES = st.sampled_from(["temperature", "humidity", "voltage"])
ENTRIES = st.builds(
    Entry,
    st.just(FRIDGE),
    st.none() | _TEXT,
    dated(_PLACES),
    st.integers(1000, 86_400_000),
    st.dictionaries(_QUANTITIES, _LIMITS),
    st.dictionaries(_QUANTITIES, dated(st.builds(Offset, st.just(0) | _TIME, _NUMBER)).filter(bool), max_size=2),
)


@given(ENTRIES)
def test_what_is_written_is_read_back_and_is_what_the_schema_allows(entry: Entry) -> None:
    text = written([entry])
    assert parse_sensors(text, "s").entries == {FRIDGE: entry}
    assert by_schema(text), text


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "location: Kitchen",
        "location: {room: Kitchen}",
        "location: {site: Home, floor: 1, room: Kitchen}",
        "location: [{from: 2026-01-01, location: {floor: 2}}, {from: 2026-02-01, location: null}]",
        "offsets: {temperature: -0.3, humidity: [{from: 2026-01-01T08:00:00+01:00, offset: 2}]}",
        "limits: {temperature: {low: 2}, humidity: [null, 70]}",
        "expected_interval: 90.5",
    ],
)
def test_both_take(entry: str) -> None:
    text = f"sensors:\n  {FRIDGE}: {{{entry}}}\n"
    assert FRIDGE in parse_sensors(text, "s").entries
    assert by_schema(text)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("colour: red", "unknown key 'colour'"),
        ("name: [a]", "one value is wanted here"),
        ("name: ''", "name of"),
        ("location: {}", "none of room, floor and site"),
        ("location: {house: A}", "unknown key 'house'; there are floor, room, site"),
        ("location: {room: ''}", "room of location of"),
        ("location: null", "empty"),
        ("location: [{from: 2026-01-01}]", "needs `from` and `location`"),
        ("location: [{from: soon, location: A}]", "'soon' is neither a date"),
        ("expected_interval: 0", "not from 1 to 86400 seconds"),
        ("limits: {temperature: 8}", "not [low, high]"),
        ("limits: {temperature: [null, null]}", "neither a low nor a high end"),
        ("limits: {temperature: {}}", "neither a low nor a high end"),
        ("limits: {Temperature: [1, 2]}", "is not the name of a quantity"),
        ("offsets: {temperature: much}", "offset of temperature of 7c:c6:b6:bd:4c:b5: 'much' is not a number"),
        ("offsets: {temperature: 1000001}", "is beyond 1000000"),
        ("offsets: {temperature: [{from: 2026-01-01}]}", "needs `from` and `offset`"),
        ("offsets: {Temperature: 1}", "is not the name of a quantity"),
        ("offsets: -0.3", "names with values"),
    ],
)
def test_both_refuse(entry: str, words: str) -> None:
    text = f"sensors:\n  {FRIDGE}: {{{entry}}}\n"
    with pytest.raises(InvalidSensors) as refused:
        parse_sensors(text, "s")
    assert str(refused.value).startswith("s:2: ")
    assert words in str(refused.value)
    assert not by_schema(text)


def test_two_offsets_from_one_time_are_refused() -> None:
    twice = "[{from: 2026-01-01, offset: 1}, {from: 2026-01-01T01:00+01:00, offset: 2}]"
    with pytest.raises(InvalidSensors, match=r"s:2: offset of temperature of .*: two offsets from the same time on"):
        parse_sensors(f"sensors:\n  {FRIDGE}: {{offsets: {{temperature: {twice}}}}}\n", "s")


@pytest.mark.parametrize("text", ["2026-03-01", "2026-03-01T07:00:00Z", "2026-03-01T07:00:00.250Z", "1970-01-01"])
def test_a_moment_is_shown_as_it_is_read(text: str) -> None:
    assert shown_moment(moment(text)) == text
