"""The scenarios that came with us: whatever happens in them, the worker makes exactly the readings that it owes."""

from dataclasses import replace

import pytest

from cli.truth_compared import compare
from shelly.world.scenario_file import FOLDER, known, read_scenario
from tests.shelly.world.pipeline import decoded

MINUTES = {"facility": 6, "shapes": 6}  # there is much of them in a minute


@pytest.mark.parametrize("name", known())
def test_every_reading_that_is_owed_is_there_once_and_says_what_was_sent(name: str) -> None:
    scenario = replace(read_scenario(FOLDER / f"{name}.yaml"), duration=MINUTES.get(name, 15) * 60)
    truth, pipeline = decoded(scenario)
    verdicts = compare(truth, pipeline.held)
    assert [verdict for verdict in verdicts if not verdict.is_right] == []
    assert sum(verdict.owed for verdict in verdicts) > 0.8 * len(truth.sent)
    assert len(pipeline.held) == len(scenario.sensors)
    happened = {event.kind for event in truth.events}
    assert happened == {event.kind for event in scenario.events if event.at < 1000 * (scenario.duration or 0)}


def test_there_is_one_for_each_thing_that_can_happen() -> None:
    assert known() == [
        "battery",
        "clock",
        "encrypted",
        "facility",
        "home",
        "noisy",
        "offline",
        "reboot",
        "shapes",
        "window",
    ]
    assert all(read_scenario(FOLDER / f"{name}.yaml").about for name in known())
