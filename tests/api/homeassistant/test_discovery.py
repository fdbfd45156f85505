"""What Home Assistant is told of a device, held to its documentation."""

import json

import pytest

from api.homeassistant.discovery import configuration, quantities_of, state
from api.homeassistant.quantities import QUANTITIES
from schemas.home_assistant import config_topic, configured_sensor
from schemas.reading import LatestValue
from schemas.registry import UNASSIGNED, Entry
from tests.api.fakes import MINUTE, NOW, SENSOR, latest
from tests.api.homeassistant.documented import TOTALS, UNITS, read

ID = "7cc6b6bd4cb5"


def test_a_blu_h_t_is_a_device_with_its_four_entities() -> None:
    device = read(configuration(Entry(SENSOR, "Fridge"), "Kitchen", ("battery", "humidity", "temperature"), "1.2.3"))
    assert (device.device.name, device.device.suggested_area) == ("Fridge", "Kitchen")
    assert device.device.identifiers == [f"bluflow_{ID}"]
    assert (device.origin.name, device.origin.sw_version) == ("bluflow", "1.2.3")
    assert [one.topic for one in device.availability] == [
        "bluflow/homeassistant/state",
        f"bluflow/homeassistant/{ID}/availability",
    ]
    assert device.availability_mode == "all"
    assert {
        name: (one.device_class, one.unit_of_measurement, one.state_class, one.entity_category)
        for name, one in device.components.items()
    } == {
        "temperature": ("temperature", "°C", "measurement", None),
        "humidity": ("humidity", "%", "measurement", None),
        "battery": ("battery", "%", "measurement", "diagnostic"),
        "rssi": ("signal_strength", "dBm", "measurement", "diagnostic"),
    }
    assert {one.unique_id for one in device.components.values()} == {
        f"bluflow_{ID}_{name}" for name in ("temperature", "humidity", "battery", "rssi")
    }
    assert {one.state_topic for one in device.components.values()} == {f"bluflow/homeassistant/{ID}/state"}


def test_every_quantity_is_one_that_is_documented() -> None:
    device = read(configuration(Entry(SENSOR), UNASSIGNED, tuple(QUANTITIES), "1"))
    assert device.device.name == SENSOR
    assert device.device.suggested_area == ""
    assert device.components.keys() == QUANTITIES.keys() | {"rssi"}
    for name, one in device.components.items():
        if one.device_class is not None:
            assert one.unit_of_measurement in UNITS[one.device_class], name
            assert (one.state_class == "total_increasing") == (one.device_class in TOTALS), name


@pytest.mark.parametrize(("interval", "expires"), [(60_000, 300), (1_500, 8), (3_600_000, 18_000)])
def test_a_value_expires_when_its_sensor_would_be_stale(interval: int, expires: int) -> None:
    device = read(configuration(Entry(SENSOR, interval_ms=interval), UNASSIGNED, ("temperature",), "1"))
    assert {one.expire_after for one in device.components.values()} == {expires}


def test_a_topic_is_known_again_whatever_the_prefix() -> None:
    for prefix in ("homeassistant", "house/ha"):
        assert configured_sensor(config_topic(prefix, SENSOR)) == SENSOR
    for other in ("homeassistant/device/other/config", "homeassistant/sensor/bluflow_7cc6b6bd4cb5/config"):
        assert configured_sensor(other) is None


def test_a_state_holds_numbers_and_null_for_what_the_sensor_says_no_more() -> None:
    held = latest(values={"temperature": [21.5, 3.0], "button": "press"}, rssi=None)
    held.values["humidity"] = LatestValue(50, NOW - 12_400 - 5 * MINUTE)
    names = quantities_of(held)
    assert names == ("battery", "humidity", "temperature")
    assert json.loads(state(held, names, MINUTE)) == {
        "battery": 100,
        "humidity": None,
        "temperature": 21.5,
        "rssi": None,
    }
