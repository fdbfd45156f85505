"""What a sensor says, byte for byte."""

from itertools import pairwise

import pytest

from shelly.world.beacon import encrypt, packet, service_data
from shelly.world.models import MODELS
from shelly.world.room import Climate
from shelly.world.sensor import address, make_sensor
from streams.formats.bthome import decode

START, MINUTE, DAY = 1_800_000_000_120, 60_000, 86_400_000
CLIMATE = Climate(21.37, 44.2)


def test_a_plain_packet_is_byte_for_byte_a_captured_one() -> None:
    assert service_data(78, 100, 63, 22.3).hex() == "44004e01642e3f45df00"
    assert service_data(164, 100, 56, -21.3).hex() == "4400a401642e38452bff"
    pressed = {"packet_id": 78, "battery": 100, "humidity": 63, "temperature": 22.3, "button": 1}
    assert packet(pressed).hex() == "44004e01642e3f3a0145df00"


def test_an_encrypted_packet_is_byte_for_byte_the_reference_one() -> None:
    key = bytes.fromhex("0123456789abcdef" * 2)
    plain = bytes.fromhex("44004e01642e3f45df00")
    assert encrypt(plain, "7c:c6:b6:01:02:03", key, counter=1725168459).hex() == "451aab52a6ba2941ce544bfbd366ce74a710"


@pytest.mark.parametrize("model", list(MODELS))
@pytest.mark.parametrize("encrypted", [False, True])
def test_every_model_decodes_to_what_it_meant(model: str, encrypted: bool) -> None:
    sensor = make_sensor(1, 7, START, encrypted=encrypted, model=model)
    for button in (None, 1, 128):
        beacon = sensor.speak(START, CLIMATE, button)
        found = decode(beacon.service_data, mac=sensor.mac, key=sensor.key)
        values = {name: value["raw"] if isinstance(value, dict) else value for name, value in found.values.items()}
        assert values == {"packet_id": beacon.packet_id, **beacon.values}
        assert (found.stopped, found.encrypted, found.counter) == (None, encrypted, beacon.counter)


def test_a_zb_model_says_what_it_is() -> None:
    sensor = make_sensor(1, 7, START, encrypted=True, model="SBHT-203C")
    before, beacon = sensor.speak(START, CLIMATE), sensor.identify(START + 1000)
    found = decode(beacon.service_data, mac=sensor.mac, key=sensor.key)
    assert found.values == {"packet_id": beacon.packet_id, **beacon.values}
    assert (found.values["device_type_id"], found.values["firmware_version"]) == (17, ["1.1.9.0", "1.1.9"])
    assert ((beacon.packet_id - before.packet_id) % 256, beacon.number - before.number) == (1, 1)


def test_a_display_model_has_sixteen_bytes_and_the_others_ten() -> None:
    lengths = {name: len(make_sensor(1, 0, START, model=name).speak(START, CLIMATE).service_data) for name in MODELS}
    assert lengths == {"SBHT-003C": 10, "SBHT-103C": 16, "SBHT-203C": 10}


def test_packet_ids_wrap_and_numbers_do_not() -> None:
    sensor = make_sensor(1, 0, START)
    beacons = [sensor.speak(START + number * MINUTE, CLIMATE) for number in range(600)]
    assert [beacon.number for beacon in beacons] == list(range(600))
    assert {(b.packet_id - a.packet_id) % 256 for a, b in pairwise(beacons)} == {1}
    assert {beacon.packet_id for beacon in beacons} == set(range(256))


def test_a_new_start_does_not_repeat_the_ids_of_the_last() -> None:
    first, second = (make_sensor(1, 0, start).packet_id for start in (START, START + 10_000))
    assert (second - first) % 256 == 10


def test_a_counter_is_unix_seconds_grows_with_each_packet_and_begins_anew_with_a_battery() -> None:
    sensor = make_sensor(1, 0, START, encrypted=True)
    counters = [sensor.speak(START + late, CLIMATE).counter for late in (0, 10, 60_000)]
    assert counters == [START // 1000, START // 1000 + 1, START // 1000 + 60]
    sensor.change_battery(START + 120_000)
    fresh = sensor.speak(START + 180_000, CLIMATE)
    assert (fresh.counter, fresh.packet_id, fresh.number, fresh.values["battery"]) == (60, 0, 3, 100)


def test_a_battery_goes_down_day_by_day_and_says_one_when_it_is_empty() -> None:
    sensor = make_sensor(1, 0, START, battery=30, drain=10)
    levels = [sensor.speak(START + day * DAY, CLIMATE).values["battery"] for day in range(5)]
    assert levels == [30, 20, 10, 1, 1]
    display = make_sensor(1, 0, START, model="SBHT-103C", battery=16, drain=2)
    assert [display.speak(START + day * DAY, CLIMATE).values["battery_low"] for day in (0, 1)] == [0, 1]


def test_a_sensor_is_wrong_by_little_and_always_the_same_way() -> None:
    sensor = make_sensor(1, 0, START)
    said = [float(sensor.speak(START, CLIMATE).values["temperature"]) for _ in range(100)]
    assert max(said) - min(said) <= 0.3
    assert abs(sum(said) / 100 - CLIMATE.temperature) < 0.5


def test_no_two_sensors_share_an_address() -> None:
    assert len({address(1, index) for index in range(70_000)}) == 70_000
