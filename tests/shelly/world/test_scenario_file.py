"""A scenario file: what it may hold, and one line for what it may not."""

from pathlib import Path

import pytest

from shelly.world.room import Weather
from shelly.world.scenario import Event, GatewayPlan, Scenario, SensorPlan
from shelly.world.scenario_file import InvalidScenario, find, known, parse_scenario, read_scenario

WHOLE = """
about: all there is
seed: 7
duration: 2h
rooms: 2
spacing: 12.5
weather: {mean: -3, swing: 4.5, humidity: 80}
gateways:
  - {count: 2, shape: scan-result, loss: 0.1, ahead: -40s, drift: 12, noise: 6}
  - {}
sensors:
  - {count: 2, model: SBHT-103C, interval: 30s, encrypted: true, battery: 40, drain: 0.5}
events:
  - {at: 90, window: 1, for: 5m, every: 1d}
  - {at: 250ms, clock: 0, by: -1.5h}
  - {at: 1m, button: 1, code: 128}
"""
LEAST = "gateways: [{}]\nsensors: [{}]\n"


def test_all_that_a_file_can_say_is_read() -> None:
    gateway = GatewayPlan("scan-result", 0.1, -40_000, 12.0, 6.0)
    sensor = SensorPlan("SBHT-103C", 30.0, True, 40.0, 0.5)
    assert parse_scenario(WHOLE, "mine.yaml", "mine") == Scenario(
        (gateway, gateway, GatewayPlan()),
        (sensor, sensor),
        (
            Event("window", 90_000, 1, 300_000, 86_400_000),
            Event("clock", 250, 0, by=-5_400_000),
            Event("button", 60_000, 1, by=128),
        ),
        Weather(-3.0, 4.5, 80.0),
        2,
        12.5,
        7,
        None,
        7200.0,
        "mine",
        "all there is",
    )


def test_the_least_that_a_file_must_say() -> None:
    assert parse_scenario(LEAST, "f", "f") == Scenario((GatewayPlan(),), (SensorPlan(),), name="f")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "f.yaml:1: empty: at least gateways and sensors are wanted"),
        ("gateways: [{}]\n", "f.yaml:1: the file: no sensors"),
        (LEAST + "sed: 1\n", "f.yaml:3: the file: unknown key 'sed'; there are about, duration, events, "),
        ("gateways: [{shape: morse}]\n", "f.yaml:1: shape: no 'morse'; there are bluflow, scan-result, "),
        ("gateways:\n- {loss: 1}\n", "f.yaml:2: loss: '1' is not from 0 to 0.99"),
        ("gateways:\n- {count: 0}\n", "f.yaml:2: count: '0' is not a whole number from 1 to 1000"),
        ("gateways:\n- {count: 900}\n- {count: 900}\n", "f.yaml:3: gateways: more than 1000"),
        ("gateways: []\n", "f.yaml:1: gateways: a list of groups is wanted here"),
        ("gateways: [{}]\nsensors: [{interval: 0}]\n", "f.yaml:2: interval: '0' is less than 0.1 s"),
        ("gateways: [{}]\nsensors: [{encrypted: 1}]\n", "f.yaml:2: encrypted: '1' is neither true nor false"),
        (LEAST + "duration: soon\n", "f.yaml:3: duration: 'soon' is no duration, such as 90s, 5m, 2h or 1d"),
        (LEAST + "events: [{at: 1}]\n", "f.yaml:3: an event: `at` and one of window, battery, reboot, "),
        (LEAST + "events:\n- {window: 0, for: 5}\n", "f.yaml:4: an event: `at` and one of "),
        (LEAST + "events:\n- {at: 1, window: 0, reboot: 0, for: 5}\n", "f.yaml:4: an event: `at` and one of "),
        (LEAST + "events: [{at: 1, window: 0}]\n", "f.yaml:3: window: for how long? Add `for`, such as for: 5m"),
        (LEAST + "events: [{at: 1, clock: 0}]\n", "f.yaml:3: clock: by how much? Add `by`, such as by: -90s"),
        (LEAST + "events: [{at: -1, battery: 0}]\n", "f.yaml:3: at: '-1' is below zero"),
        (
            LEAST + "events: [{at: 1, reboot: 1, for: 1}]\n",
            "f.yaml:3: reboot: there is no 1 among the 1 gateways, from 0",
        ),
        ("gateways: [\n", "f.yaml:2: not YAML: "),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(text: str, error: str) -> None:
    with pytest.raises(InvalidScenario) as raised:
        parse_scenario(text, "f.yaml", "f")
    assert str(raised.value).startswith(error)
    assert "\n" not in str(raised.value)


def test_a_scenario_is_found_by_its_name_or_as_a_file(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(LEAST)
    assert read_scenario(find(str(own))).name == "own"
    assert read_scenario(find("home")).name == "home"
    with pytest.raises(InvalidScenario, match="no scenario 'hom'; there are battery, "):
        find("hom")
    assert "home" in known()


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"about: \xe9\n")
    for path, why in ((tmp_path / "latin.yaml", "not UTF-8"), (tmp_path, "Is a directory")):
        with pytest.raises(InvalidScenario, match=why):
            read_scenario(path)
