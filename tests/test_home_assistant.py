"""`bluflow run` with Home Assistant told: from simulated packets to its entities, over the embedded brokers."""

from pathlib import Path

import httpx

from tests.api.homeassistant.assistant import Assistant
from tests.polling import until
from tests.stack import Stack, running_stack


def dead_letters(stack: Stack) -> list[str]:
    page = httpx.get(f"http://127.0.0.1:{stack.ports['STREAMS_PORT']}/metrics").text
    return [line for line in page.splitlines() if line.startswith("bluflow_streams_dead_letters_total")]


def test_simulated_sensors_are_home_assistant_s_devices(tmp_path: Path) -> None:
    with running_stack(tmp_path / "data", HOMEASSISTANT_ENABLED="1", RUN_SENSORS="3", RUN_INTERVAL="2") as stack:
        assert stack.child("homeassistant").is_running()
        home = Assistant(stack.mqtt)
        try:
            until(lambda: len(home.devices) == 3, 60, "three devices")

            def values() -> list[float]:
                shown = {id: value for id, value in home.shown().items() if id.endswith("_temperature")}
                return [value for value in shown.values() if isinstance(value, float)]

            until(lambda: len(values()) == 3, 60, "three temperatures")
            assert all(-40 < value < 60 for value in values())
            told = home.configured
            home.be_born()
            until(lambda: home.configured == told + 3, 30, "told again at its birth")
            assert dead_letters(stack) == [], "what we tell is no gateway's frame, though the bridge hears every topic"
            assert sorted(home.shown()) == sorted(
                f"{device.device.identifiers[0]}_{name}"
                for device in home.devices.values()
                for name in device.components
            )
        finally:
            home.end()
