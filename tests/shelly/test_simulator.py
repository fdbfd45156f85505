"""The simulated house: the same from the same seed, and its bytes are what real gateways and sensors send."""

import json
from collections import defaultdict
from itertools import islice, pairwise

import pytest

from schemas.frame import Frame
from shelly.beacon import Beacon, encrypt, make_sensor, service_data
from shelly.envelopes import FORMATS
from shelly.gateway import Message
from shelly.simulator import COPIES, Plan, messages, parse_formats
from streams.formats import decode_frame
from streams.formats.bthome import decode

START = 1_800_000_000_123
DAY = 86_400_000


def test_the_same_plan_gives_the_same_bytes_and_another_seed_others() -> None:
    plan = Plan(formats=parse_formats("mixed"), gateways=5, encrypted=3, count=60)
    once, again = list(messages(plan, START)), list(messages(plan, START))
    assert once == again
    assert len(once) > 60
    other = list(messages(Plan(formats=plan.formats, gateways=5, encrypted=3, count=60, seed=2), START))
    assert {m.payload for m in once}.isdisjoint(m.payload for m in other)


def test_a_plain_packet_is_byte_for_byte_a_captured_one() -> None:
    assert service_data(78, 100, 63, 22.3).hex() == "44004e01642e3f45df00"
    assert service_data(164, 100, 56, -21.3).hex() == "4400a401642e38452bff"


def test_an_encrypted_packet_is_byte_for_byte_the_reference_one() -> None:
    key = bytes.fromhex("0123456789abcdef" * 2)
    plain = bytes.fromhex("44004e01642e3f45df00")
    assert encrypt(plain, "7c:c6:b6:01:02:03", key, counter=1725168459).hex() == "451aab52a6ba2941ce544bfbd366ce74a710"


def test_every_copy_decodes_to_what_the_sensor_meant() -> None:
    plan = Plan(encrypted=4, count=48)
    keys = {sensor.mac: sensor.key for sensor in plan.make_sensors()}
    beacons = {one.beacon for message in messages(plan, START) for one in message.heard}
    assert len(beacons) > 40
    assert any(beacon.encrypted for beacon in beacons)
    for beacon in beacons:
        packet = decode(beacon.service_data, mac=beacon.sensor, key=keys[beacon.sensor])
        expected = {
            "packet_id": beacon.packet_id,
            "battery": beacon.battery,
            "humidity": beacon.humidity,
            "temperature": beacon.temperature,
        }
        assert {name: packet.values[name] for name in expected} == expected


def beacons_of(found: list[Message]) -> dict[Beacon, dict[str, list[int]]]:
    heard: dict[Beacon, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for message in found:
        for one in message.heard:
            heard[one.beacon][message.gateway].append(one.at)
    return heard


def test_a_beacon_has_six_copies_150_ms_apart_for_one_to_three_gateways() -> None:
    heard = beacons_of(list(messages(Plan(gateways=4, loss=0, count=40), START)))
    assert len(heard) == 40
    assert {len(gateways) for gateways in heard.values()} == {1, 2, 3}
    for beacon, gateways in heard.items():
        for times in gateways.values():
            assert len(times) == COPIES
            for copy, at in enumerate(times):
                assert 0 <= at - (beacon.sent_at + 150 * copy) < 30


def test_losses_are_each_gateways_own() -> None:
    heard = beacons_of(list(messages(Plan(loss=0.5, count=200), START)))
    counts = [len(times) for gateways in heard.values() for times in gateways.values()]
    assert 2 < sum(counts) / len(counts) < 4
    pairs = [list(gateways.values()) for gateways in heard.values() if len(gateways) > 1]
    assert any(len(first) != len(second) for first, second, *_ in pairs)


def test_packet_ids_go_up_by_one_and_wrap_and_a_new_start_does_not_repeat_them() -> None:
    def ids(start: int) -> dict[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        plan = Plan(sensors=2, interval=1, loss=0, count=600)
        for beacon in sorted(beacons_of(list(messages(plan, start))), key=lambda b: b.sent_at):
            found[beacon.sensor].append(beacon.packet_id)
        return found

    for series in ids(START).values():
        assert len(series) > 256
        assert {(b - a) % 256 for a, b in pairwise(series)} == {1}
    for first, second in zip(ids(START).values(), ids(START + 10_000).values(), strict=True):
        assert (second[0] - first[0]) % 256 == 10


def test_our_scripts_event_is_bounded_in_entries_and_age_and_its_times_are_exact() -> None:
    found = list(messages(Plan(sensors=200, gateways=2, count=400), START))
    sizes, ages = [], []
    sequence: dict[str, list[int]] = defaultdict(list)
    for message in found:
        frame = json.loads(message.payload)
        assert message.topic == f"{message.gateway}/events/rpc"
        assert (frame["src"], frame["method"]) == (message.gateway, "NotifyEvent")
        [event] = frame["params"]["events"]
        assert event["event"] == "bluflow"
        if "hb" in event["data"]:
            continue
        sequence[message.gateway].append(event["data"]["seq"])
        sizes.append(len(event["data"]["d"]))
        for (mac, rssi, age, data), one in zip(event["data"]["d"], message.heard, strict=True):
            ages.append(age)
            assert (mac, rssi, data) == (one.beacon.sensor, one.rssi, one.beacon.service_data.hex())
            assert round(event["ts"] * 1000) - age == one.at
    assert max(sizes) == 16
    assert 0 <= min(ages) <= max(ages) <= 1000
    for numbers in sequence.values():
        assert numbers == list(range(len(numbers)))


def test_each_gateway_gives_a_heartbeat_a_minute() -> None:
    found = list(messages(Plan(duration=300, sensors=1), START))
    beats: dict[str, list[int]] = defaultdict(list)
    for message in found:
        [event] = json.loads(message.payload)["params"]["events"]
        if "hb" in event["data"]:
            beats[message.gateway].append(message.at)
    assert len(beats) == 3
    for times in beats.values():
        assert [b - a for a, b in pairwise(times)] == [60_000] * 4


def test_messages_come_in_order_of_time_and_the_first_readings_soon() -> None:
    found = list(islice(messages(Plan(), START), 200))
    assert [m.at for m in found] == sorted(m.at for m in found)
    first = min(one.at for m in found for one in m.heard)
    assert first - START < 1000
    sensors = {one.beacon.sensor for m in found for one in m.heard if one.at - START < 7000}
    assert len(sensors) == 12


def test_rooms_are_plausible_over_a_day() -> None:
    sensor = make_sensor(1, 0, encrypted=False)
    day = [sensor.beacon(number, START + number * 60_000) for number in range(1440)]
    temperatures = [beacon.temperature for beacon in day]
    assert 10 < min(temperatures) < max(temperatures) < 30
    assert max(temperatures) - min(temperatures) > 0.8
    assert max(abs(b - a) for a, b in pairwise(temperatures)) < 1
    assert all(20 <= beacon.humidity <= 80 for beacon in day)
    assert day[-1].battery == 100


@pytest.mark.parametrize("name", list(FORMATS))
def test_the_worker_reads_every_format_as_it_was_meant(name: str) -> None:
    plan = Plan(formats=(name,), count=24)
    decoded = 0
    for message in messages(plan, START):
        if not message.heard:
            continue
        found = decode_frame(Frame(message.topic, message.payload, message.at), {})
        meant = [(one.beacon.sensor, one.beacon.packet_id, one.beacon.temperature) for one in message.heard]
        got = [(a.sensor, a.values.get("packet_id"), a.values.get("temperature")) for a in found.advertisements]
        assert got == meant
        decoded += len(got)
    assert decoded >= 24


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match="no format 'morse'"):
        parse_formats("bluflow,morse")


def test_a_sensor_that_is_made_silent_is_heard_by_nobody_and_the_others_go_on() -> None:
    plan = Plan(sensors=4, loss=0, count=40)
    quiet = plan.make_sensors()[0].mac
    heard = {one.beacon.sensor for message in messages(plan, START, lambda mac: mac == quiet) for one in message.heard}
    assert heard == {sensor.mac for sensor in plan.make_sensors()} - {quiet}
