"""The world: the same from the same seed, whatever happens in it."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice, pairwise

import pytest

from shelly.world.gateway import SHAPES
from shelly.world.message import Lost, Message
from shelly.world.scenario import Event, GatewayPlan, Scenario, SensorPlan, house
from shelly.world.truth import line_of, write
from shelly.world.world import Happening, Spoken, World, addresses

START, MINUTE = 1_800_000_000_120, 60_000
SOME = tuple(SensorPlan(encrypted=index == 0) for index in range(6))
ALL_SHAPES = tuple(GatewayPlan(shape, noise=6, drift=40) for shape in SHAPES)
EVENTS = (
    Event("window", MINUTE, 0, MINUTE),
    Event("battery", 2 * MINUTE, 1),
    Event("reboot", 2 * MINUTE, 0, 30_000),
    Event("offline", 3 * MINUTE, 2, 2 * MINUTE),
    Event("clock", 4 * MINUTE, 3, by=-90_000),
    Event("silent", 2 * MINUTE, 2, 2 * MINUTE),
    Event("button", 5 * MINUTE, 3, by=1),
)
BUSY = Scenario(ALL_SHAPES, SOME, EVENTS, duration=480)


def digest(scenario: Scenario, start: int = START) -> str:
    found = hashlib.sha256()
    for happening in World(scenario, start).happenings():
        found.update(write(line_of(happening)))
        if isinstance(happening, Message):
            found.update(happening.topic.encode() + happening.payload)
    return found.hexdigest()


def sent(happenings: Iterable[Happening], gateway: str) -> list[Message]:
    return [each for each in happenings if isinstance(each, Message) and each.gateway == gateway]


def spoken(happenings: Iterable[Happening]) -> list[Spoken]:
    return [each for each in happenings if isinstance(each, Spoken)]


def test_another_seed_s_gateways_and_sensors_are_others() -> None:
    worlds = [World(house(seed=seed), START) for seed in (1, 2)]
    first, second = ({each.name for each in world.gateways} | {each.mac for each in world.sensors} for world in worlds)
    assert first.isdisjoint(second)
    assert len(first) == len(second) == 15


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert digest(BUSY) == digest(BUSY)
    assert len({digest(BUSY), digest(replace(BUSY, seed=2)), digest(BUSY, START + 10)}) == 3


def test_happenings_come_in_order_of_time() -> None:
    times = [each.beacon.sent_at if isinstance(each, Spoken) else each.at for each in World(BUSY, START).happenings()]
    assert times == sorted(times)


def test_one_more_gateway_changes_nothing_of_what_sensors_say() -> None:
    fewer, more = (
        [each.beacon for each in spoken(World(house(gateways=count, count=60), START).happenings())] for count in (3, 4)
    )
    assert fewer == more


def test_the_house_speaks_at_once_and_every_sensor_soon() -> None:
    found = list(islice(World(house(), START).messages(), 60))
    assert min(one.at for message in found for one in message.heard) - START < 1000
    early = {one.beacon.sensor for message in found for one in message.heard if one.at - START < 7000}
    assert early == set(addresses(house()))


def test_without_losses_every_packet_is_heard() -> None:
    found = spoken(World(house(gateways=5, sensors=40, loss=0, count=200), START).happenings())
    assert len(found) == 200
    assert all(each.heard for each in found)
    assert max(len(each.heard) for each in found) > 1


def test_sensors_speak_once_a_minute() -> None:
    times: dict[str, list[int]] = defaultdict(list)
    for each in spoken(World(house(sensors=3, duration=1800), START).happenings()):
        times[each.beacon.sensor].append(each.beacon.sent_at)
    gaps = [b - a for mine in times.values() for a, b in pairwise(mine[1:])]
    assert len(gaps) > 80
    assert all(59_900 <= gap <= 60_100 for gap in gaps)


def test_our_script_s_event_is_bounded_in_entries_and_age_and_its_times_are_exact() -> None:
    sizes, ages, sequence = [], [], defaultdict(list)
    for message in World(house(sensors=200, gateways=2, count=400), START).messages():
        [event] = json.loads(message.payload)["params"]["events"]
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
    assert all(numbers == list(range(len(numbers))) for numbers in sequence.values())


def test_our_script_gives_a_heartbeat_a_minute() -> None:
    beats: dict[str, list[int]] = defaultdict(list)
    for message in World(house(duration=300, sensors=1), START).messages():
        if b'"hb"' in message.payload:
            beats[message.gateway].append(message.at)
    assert len(beats) == 3
    assert all([b - a for a, b in pairwise(times)] == [MINUTE] * 4 for times in beats.values())


def away(event: Event, shape: str, sensors: int = 12) -> tuple[list[Happening], World]:
    scenario = Scenario((GatewayPlan(shape, loss=0),), (SensorPlan(),) * sensors, (event,), duration=600)
    world = World(scenario, START)
    return list(world.happenings()), world


def test_while_it_is_offline_a_gateway_keeps_the_newest_five_and_sends_them_in_order() -> None:
    offline = Event("offline", 2 * MINUTE, 0, 3 * MINUTE)
    found, world = away(offline, "oh-blu")
    messages = sent(found, world.gateways[0].name)
    between = [m for m in messages if START + 2 * MINUTE < m.at < START + 5 * MINUTE]
    assert [(m.topic.rsplit("/")[-1], m.payload) for m in between] == [("online", b"false")]
    assert between[0].at == START + 2 * MINUTE + 90_000
    back = [m for m in messages if m.at >= START + 5 * MINUTE]
    assert back[0].payload == b"true"
    waited = [m for m in back[1:] if m.heard[0].at < START + 5 * MINUTE]
    lost = [each for each in found if isinstance(each, Lost)]
    assert len(waited) == 5
    assert waited == back[1 : 1 + 5]
    assert [m.heard[0].at for m in waited] == sorted(m.heard[0].at for m in waited)
    assert {each.why for each in lost} == {"queue_full"}
    assert max(one.at for each in lost for one in each.heard) < min(m.heard[0].at for m in waited)
    assert 30 < len(lost) + 5 < 42


def test_our_script_holds_what_it_heard_while_it_is_offline() -> None:
    found, world = away(Event("offline", 2 * MINUTE, 0, 2 * MINUTE), "bluflow")
    assert not [each for each in found if isinstance(each, Lost)]
    back = [m for m in sent(found, world.gateways[0].name) if m.at >= START + 4 * MINUTE and m.heard]
    assert max(one.at - m.at for m in back for one in m.heard) <= 0
    assert max(m.at - one.at for m in back for one in m.heard) > 110_000
    longer, _ = away(Event("offline", 2 * MINUTE, 0, 5 * MINUTE), "bluflow")
    assert {each.why for each in longer if isinstance(each, Lost)} == {"script_full"}


def test_what_waits_without_a_guarantee_is_not_kept() -> None:
    found, _ = away(Event("offline", 2 * MINUTE, 0, MINUTE), "iobroker")
    assert {each.why for each in found if isinstance(each, Lost)} == {"not_kept"}


def test_a_reboot_loses_what_waits_and_counts_from_zero() -> None:
    found, world = away(Event("reboot", 2 * MINUTE + 5_000, 0, MINUTE), "bluflow")
    messages = sent(found, world.gateways[0].name)
    down = [m for m in messages if START + 2 * MINUTE + 5_000 <= m.at < START + 3 * MINUTE + 5_000]
    assert not down
    events = [json.loads(m.payload)["params"]["events"][0]["data"] for m in messages if m.topic.endswith("/events/rpc")]
    numbers = [data["seq"] for data in events if "seq" in data]
    assert [a for a, b in pairwise(numbers) if b != a + 1] == [max(numbers[: numbers.index(0, 1)])]
    ups = [data["hb"]["up"] for data in events if "hb" in data]
    assert ups != sorted(ups)
    unheard = [each for each in spoken(found) if each.beacon.sent_at > START + 2 * MINUTE + 5_000]
    assert unheard


def test_a_clock_that_jumps_tells_another_time_and_the_same_ages() -> None:
    event = Event("clock", 2 * MINUTE, 0, by=-90_000)
    found, world = away(event, "bluflow")
    for message in sent(found, world.gateways[0].name):
        params = json.loads(message.payload)["params"]
        late = message.at - round(params["ts"] * 1000)
        assert late == (90_000 if message.at >= START + 2 * MINUTE else 0)


def test_a_drifting_clock_goes_wrong_slowly() -> None:
    scenario = Scenario((GatewayPlan(drift=500, ahead=2_000),), SOME, duration=600)
    ahead = [
        round(json.loads(message.payload)["params"]["ts"] * 1000) - message.at
        for message in World(scenario, START).messages()
    ]
    assert ahead == sorted(ahead)
    assert (ahead[0], ahead[-1]) == (2_000, 2_300)


def test_a_silent_sensor_is_heard_by_nobody_for_a_while() -> None:
    event = Event("silent", 2 * MINUTE, 1, 3 * MINUTE)
    found = spoken(World(Scenario(sensors=SOME, events=(event,), duration=600), START).happenings())
    quiet = [each for each in found if not each.heard]
    assert len(quiet) == 3
    assert {each.beacon.sensor for each in quiet} == {addresses(BUSY)[1]}


def test_a_sensor_that_is_made_silent_is_heard_by_nobody_and_the_others_go_on() -> None:
    quiet = addresses(house())[0]
    world = World(house(loss=0, count=40), START, lambda mac: mac == quiet)
    heard = {one.beacon.sensor for message in world.messages() for one in message.heard}
    assert heard == set(addresses(house())) - {quiet}


def test_noisy_firmware_says_so_many_messages_a_minute() -> None:
    scenario = Scenario((GatewayPlan(noise=30),), SOME, duration=600)
    names = [
        event["event"]
        for message in World(scenario, START).messages()
        if b"_update" in message.payload or b"_measurement" in message.payload
        for event in json.loads(message.payload)["params"]["events"]
    ]
    assert len(names) > 250
    assert all(name.endswith(("_update", "_measurement")) for name in names)


@pytest.mark.parametrize("every", [0, 3 * MINUTE])
def test_an_event_happens_once_or_again_and_again(every: int) -> None:
    event = Event("button", MINUTE, 0, every=every)
    found = spoken(World(Scenario(sensors=SOME, events=(event,), duration=600), START).happenings())
    assert sum("button" in each.beacon.values for each in found) == (3 if every else 1)
