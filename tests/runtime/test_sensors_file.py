"""sensors.yaml: what it may say, one line with file and line for what it may not, and reading it again."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_settings import SettingsConfigDict

from runtime.sensors_file import InvalidSensors, SensorsFile, open_sensors, parse_sensors
from runtime.settings import Settings, load
from schemas.freshness import INTERVAL_MS
from schemas.registry import UNASSIGNED, Entry, Limit, Placement

FRIDGE, ATTIC = "7c:c6:b6:bd:4c:b5", "11:22:33:44:55:66"
WHOLE = """
sensors:
  7C-C6-B6-BD-4C-B5:
    name: Fridge
    location:
      - {from: 2026-03-01T08:00:00+01:00, location: Kitchen}
      - {from: 2026-01-01, location: Cellar}
    expected_interval: 90.5
    limits: {temperature: [2, 8.5], humidity: [null, 70], voltage: {low: 2}}
  112233445566:
    location: Attic
"""


def test_a_whole_file() -> None:
    registry = parse_sensors(WHOLE, "sensors.yaml")
    assert registry.entries[FRIDGE] == Entry(
        FRIDGE,
        "Fridge",
        (Placement(1_767_225_600_000, "Cellar"), Placement(1_772_348_400_000, "Kitchen")),
        90_500,
        {"temperature": Limit(2, 8.5), "humidity": Limit(None, 70), "voltage": Limit(2, None)},
    )
    assert registry.location(FRIDGE, 1_772_348_399_999) == "Cellar"
    assert registry.location(FRIDGE, 1_767_225_599_999) == UNASSIGNED
    assert registry.location(ATTIC, 1) == "Attic"
    assert registry.entry(ATTIC).interval_ms == INTERVAL_MS


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "sensors:\n", "sensors: {}"])
def test_an_empty_file_is_an_empty_registry(text: str) -> None:
    assert parse_sensors(text, "s").entries == {}


def test_a_sensor_may_be_claimed_and_no_more() -> None:
    assert parse_sensors(f"sensors:\n  {FRIDGE}:\n", "s").entries == {FRIDGE: Entry(FRIDGE)}


def fridge(line: str) -> str:
    return f"sensors:\n  {FRIDGE}:\n    name: Fridge\n    {line}\n"


def dated(since: str) -> str:
    return fridge(f"location: [{{from: {since}, location: Cellar}}]")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("- a list", 1, "the file: names with values"),
        ("sensors: 7", 1, "sensors: names with values"),
        ("sensors: [a]", 1, "sensors: names with values"),
        ("rooms: {}", 1, "unknown key 'rooms'; there are sensors"),
        ("sensors: {}\nsensors: {}", 2, "'sensors' is there twice, first on line 1"),
        ("sensors:\n  bath: {}", 2, "'bath' is not a MAC address"),
        (f"sensors:\n  {FRIDGE}: {{}}\n  7CC6B6BD4CB5: {{}}", 3, f"{FRIDGE} is there twice, first on line 2"),
        (f"sensors:\n  {FRIDGE}: Fridge", 2, "names with values"),
        ("sensors:\n  ? [a]\n  : {}", 2, "a key must be one word"),
        (
            fridge("colour: red"),
            4,
            "unknown key 'colour'; there are expected_interval, limits, location, name, offsets",
        ),
        (fridge("name: Ice"), 4, "'name' is there twice, first on line 3"),
        (f"sensors:\n  {FRIDGE}:\n    name: ''", 3, f"name of {FRIDGE}: empty"),
        (f"sensors:\n  {FRIDGE}:\n    name:", 3, f"name of {FRIDGE}: empty"),
        (f"sensors:\n  {FRIDGE}:\n    name: {'x' * 201}", 3, "201 characters, at most 200"),
        (f'sensors:\n  {FRIDGE}:\n    name: "a\\eb"', 3, "cannot be shown"),
        (f"sensors:\n  {FRIDGE}:\n    name: [a]", 3, "one value is wanted here"),
        (fridge("location: ''"), 4, f"location of {FRIDGE}: empty"),
        (
            fridge("location: {from: 2026-01-01, location: Cellar}"),
            4,
            "unknown key 'from'; there are floor, room, site",
        ),
        (fridge("location: [Cellar]"), 4, "names with values (from, location)"),
        (fridge("location: [{location: Cellar}]"), 4, "needs `from` and `location`"),
        (dated("yesterday"), 4, "'yesterday' is neither a date"),
        (dated("2026-02-30"), 4, "there is no '2026-02-30'"),
        (dated("2026-02-03T10:00"), 4, "has no offset from UTC"),
        (dated("0001-01-01T00:00:00+14:00"), 4, "is before 1970"),
        (dated("1969-12-31T23:59:59.9Z"), 4, "is before 1970"),
        (
            fridge("location: [{from: 2026-01-01, location: A}, {from: 2026-01-01T01:00+01:00, location: B}]"),
            4,
            "two places from the same time on",
        ),
        (fridge("expected_interval: often"), 4, f"expected_interval of {FRIDGE}: 'often' is not a number of seconds"),
        (fridge("expected_interval: 0"), 4, "not from 1 to 86400 seconds"),
        (fridge("expected_interval: 86401"), 4, "not from 1 to 86400 seconds"),
        (fridge("expected_interval: nan"), 4, "is not a number"),
        (fridge("expected_interval: 1e999"), 4, "is not a number"),
        (fridge("limits: [2, 8]"), 4, f"limits of {FRIDGE}: names with values"),
        (fridge("limits: {Temperature °C: [2, 8]}"), 4, "is not the name of a quantity"),
        (fridge("limits: {temperature: 8}"), 4, f"limit of temperature of {FRIDGE}: not [low, high]"),
        (fridge("limits: {temperature: [1, 2, 3]}"), 4, "not [low, high]"),
        (fridge("limits: {temperature: [8, 2]}"), 4, "low 8 is above high 2"),
        (fridge("limits: {temperature: [null, null]}"), 4, "neither a low nor a high end"),
        (fridge("limits: {temperature: [cold, 2]}"), 4, "'cold' is not a number or null"),
        (fridge("limits: {temperature: {lo: 2}}"), 4, "unknown key 'lo'; there are high, low"),
        ("sensors:\n\tx: {}", 2, "a tab where YAML wants spaces"),
        ("sensors:\n  a: [", 2, "not YAML: "),
        ("sensors: {}\n---\nsensors: {}", 2, "not YAML: "),
        ("sensors:\n  \x00: {}", 2, "a character that YAML does not allow"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(text: str, line: int, words: str) -> None:
    with pytest.raises(InvalidSensors) as refused:
        parse_sensors(text, "sensors.yaml")
    said = str(refused.value)
    assert said.startswith(f"sensors.yaml:{line}: ")
    assert words in said
    assert "\n" not in said


@pytest.mark.parametrize("text", ['a: "\\UFFFFFFFF"', "[" * 5000, f"%YAML {'9' * 5000}.1\n---\n"])
def test_what_the_parser_itself_stumbles_over(text: str) -> None:
    with pytest.raises(InvalidSensors, match=r"sensors\.yaml: not YAML"):
        parse_sensors(text, "sensors.yaml")


_WORDS = "sensors: |name: |location: |limits: |from: |2026-01-01|T08:00|expected_interval: |1e9|null|<<: |&a|*a|!!int "
_PIECES = st.lists(
    st.sampled_from([*"{}[]:,-?&*!|>'\"#%@`~\n \t\\", *_WORDS.split("|"), "\n  ", "\n    ", FRIDGE]), max_size=40
).map("".join)


@given(st.one_of(st.text(), _PIECES, _PIECES.map(lambda piece: fridge(piece))))
def test_no_text_raises_anything_but_the_one_error(text: str) -> None:
    said = ""
    try:
        parse_sensors(text, "s")
    except InvalidSensors as error:
        said = str(error)
    assert not said or said.startswith("s:")
    assert "\n" not in said


def test_what_is_not_text_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "sensors.yaml"
    path.write_bytes(b"# one\n# \xff\n")
    with pytest.raises(InvalidSensors, match=r"sensors\.yaml:2: not UTF-8"):
        SensorsFile(path, required=False)
    with pytest.raises(InvalidSensors, match="Is a directory"):
        SensorsFile(tmp_path, required=False)


class RoomSettings(Settings):
    model_config = SettingsConfigDict(env_prefix="ROOM_")


def test_a_file_must_be_there_only_if_a_setting_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_sensors(load(RoomSettings)).registry.entries == {}
    monkeypatch.setenv("BLUFLOW_SENSORS_FILE", "sensors.yaml")
    with pytest.raises(InvalidSensors, match=r"sensors\.yaml: No such file"):
        open_sensors(load(RoomSettings))
    Path("sensors.yaml").write_text(WHOLE)
    assert open_sensors(load(RoomSettings)).registry.claimed(FRIDGE)


def write(path: Path, text: str, time: int) -> None:
    path.write_text(text)
    os.utime(path, ns=(time, time))  # two writes may come within one tick of the file system's clock


def test_it_is_read_again_when_it_changed_and_an_error_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "sensors.yaml"
    file = SensorsFile(path, required=False)
    assert file.refresh() is None
    write(path, f"sensors: {{{FRIDGE}: {{name: A}}}}", 1)
    assert file.refresh() is None
    assert file.registry.entry(FRIDGE).name == "A"
    held = file.registry
    assert file.refresh() is None
    assert file.registry is held
    write(path, "sensors: 8", 2)
    assert file.refresh() == f"{path}:1: sensors: names with values are wanted here"
    assert file.refresh() is None
    assert file.registry is held
    path.unlink()
    assert file.refresh() == f"{path}: No such file or directory"
    assert (file.refresh(), file.registry) == (None, held)
    write(path, f"sensors: {{{FRIDGE}: {{name: B}}}}", 3)
    assert file.refresh() is None
    assert file.registry.entry(FRIDGE).name == "B"
