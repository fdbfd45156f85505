"""A gateway without a script: the inventory asks it, and its components' word becomes readings."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.child import spawn
from shelly.world.gateway import gateway_name
from shelly.world.scenario import house
from shelly.world.world import addresses
from tests.polling import until
from tests.stack import Stack, running_stack

SCENARIO = house(gateways=1, sensors=4, interval=4, seed=7)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("native") / "data", SIMULATE="0") as running:
        yield running


@pytest.fixture(scope="module")
def gateway(stack: Stack) -> Iterator[Path]:
    """A native gateway that speaks until the test ends, and the truth of what it said."""
    file = stack.data / "truth"
    options = {"--gateways": 1, "--native": 1, "--sensors": 4, "--interval": 4, "--seed": 7, "--loss": 0}
    words = [str(word) for option in options.items() for word in option]
    command = [sys.executable, "-P", "-m", "cli", "simulate", *words, "--mqtt", stack.mqtt, "--truth", str(file)]
    child = spawn(command, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])})
    yield file
    child.kill()
    child.wait()


def sensors(stack: Stack) -> dict[str, Any]:
    response = stack.get("/api/v1/sensors")
    assert response is not None
    return {each["id"] if "id" in each else each["sensor"]: each for each in response.json()["sensors"]}


def test_native_sensors_come_to_the_api_with_all_their_values(stack: Stack, gateway: Path) -> None:
    expected = set(addresses(SCENARIO))
    until(lambda: sensors(stack).keys() == expected, 40, "every sensor on the API")

    def complete(sensor: dict[str, Any]) -> bool:
        return set(sensor["values"]) == {"battery", "humidity", "temperature"}

    until(lambda: all(map(complete, sensors(stack).values())), 20, "every quantity of every sensor")
    assert {each["gateway"] for each in sensors(stack).values()} == {gateway_name(0, SCENARIO.seed)}
    assert all(each["packet_id"] is not None and each["rssi"] is not None for each in sensors(stack).values())
