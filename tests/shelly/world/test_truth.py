"""The truth file: what it says can be read back, and owes only what cannot have been lost."""

from collections.abc import Iterator

import pytest

from cli.truth_compared import Held, compare
from shelly.world.scenario import Event, GatewayPlan, Scenario, SensorPlan, house
from shelly.world.truth import head_of, line_of, read, write
from shelly.world.truth_file import InvalidTruth, Truth, parse_truth
from shelly.world.world import World
from tests.shelly.world.pipeline import START, tell

MINUTE = 60_000


def lines(scenario: Scenario) -> Iterator[bytes]:
    world = World(scenario, START)
    yield write(head_of(world, 1))
    for happening in world.happenings():
        yield write(line_of(happening))


def held(truth: Truth) -> dict[str, list[Held]]:
    """What a history without fault holds."""
    found: dict[str, list[Held]] = {}
    for packet in truth.owed:
        sent = truth.sent[packet]
        found.setdefault(sent.sensor, []).append(Held(sent.packet_id, sent.at, sent.values))
    return found


def test_every_line_reads_back_as_it_was_written() -> None:
    events = (Event("offline", MINUTE, 0, MINUTE), Event("clock", MINUTE, 0, by=-90_000))
    scenario = Scenario((GatewayPlan("oh-blu"),), (SensorPlan(),) * 8, events, duration=300)
    kinds = set()
    for line in lines(scenario):
        kinds.add(type(read(line)).__name__)
        assert write(read(line)) == line
    assert kinds == {"Head", "Sent", "Published", "Dropped", "Event"}


def test_a_packet_says_what_was_true_what_was_sent_and_who_heard_it() -> None:
    truth, _ = tell(house(count=40))
    for sent in truth.sent.values():
        assert abs(sent.values["temperature"] - sent.climate["temperature"]) < 1
        assert sent.heard.keys() <= truth.head.gateways.keys()
        assert all(
            0 <= at - sent.at < 1000 and -100 < rssi < -20 for copies in sent.heard.values() for at, rssi in copies
        )
    assert sum(len(sent.heard) for sent in truth.sent.values()) > 40


def test_what_was_lost_or_had_no_guarantee_is_not_owed() -> None:
    away = (Event("offline", MINUTE, 0, 3 * MINUTE),)
    truth, _ = tell(Scenario((GatewayPlan("oh-blu", loss=0),), (SensorPlan(),) * 8, away, duration=300))
    assert truth.dropped
    assert truth.owed == truth.sent.keys() - truth.dropped.keys()
    unsure, _ = tell(Scenario((GatewayPlan("iobroker"),), (SensorPlan(),), duration=120))
    assert unsure.published
    assert not unsure.owed


def test_a_new_battery_s_counter_is_owed_from_the_end_of_its_row_on() -> None:
    changed = (Event("battery", 2 * MINUTE, 0),)
    truth, _ = tell(Scenario((GatewayPlan(loss=0),), (SensorPlan(encrypted=True),), changed, duration=900))
    numbers = [number for _, number in sorted(truth.sent.keys() - truth.owed)]
    assert len(numbers) == 4
    assert numbers == list(range(numbers[0], numbers[0] + 4))


def test_a_history_without_fault_is_right() -> None:
    truth, _ = tell(house(sensors=3, count=30))
    assert all(verdict.is_right for verdict in compare(truth, held(truth)))


def test_a_fault_is_found_and_named() -> None:
    truth, _ = tell(house(sensors=3, count=30))
    readings = held(truth)
    missing, twice, other = readings
    gone = readings[missing].pop()
    readings[twice].append(readings[twice][0]._replace(measured_at=readings[twice][0].measured_at + 1))
    first = readings[other][0]
    readings[other][0] = first._replace(values={**first.values, "temperature": 99.9})
    found = {verdict.sensor: verdict for verdict in compare(truth, readings)}
    assert [sent.packet_id for sent in found[missing].missing] == [gone.packet_id]
    assert len(found[twice].duplicated) == 1
    assert [reading.values["temperature"] for reading in found[other].wrong] == [99.9]
    assert len(found[other].missing) == 1
    assert not any(verdict.is_right for verdict in found.values())


def test_the_same_packet_id_and_values_hours_later_are_another_packet() -> None:
    truth, _ = tell(house(sensors=1, interval=10, duration=3600, loss=0))
    assert len(truth.sent) > 256
    assert all(verdict.is_right for verdict in compare(truth, held(truth)))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ([], "f: empty"),
        ([b"{}\n"], "f:1: no line of a truth file"),
        ([b'{"what":"event","kind":"clock","at":1,"name":"g","lasting":0,"by":1}\n'], "f:1: it does not begin with"),
    ],
)
def test_what_is_no_truth_is_one_line(text: list[bytes], error: str) -> None:
    with pytest.raises(InvalidTruth, match=error):
        parse_truth(text, "f")


def test_a_line_that_was_cut_off_at_the_end_is_left_out() -> None:
    whole = list(lines(house(sensors=1, count=3)))
    cut = parse_truth([*whole[:-1], whole[-1][:-5]], "f")
    assert cut.head == parse_truth(whole, "f").head
