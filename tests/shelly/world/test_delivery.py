"""The delivery ledger against a world's truth: what each sensor sent and who heard it, right to the packet."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby

import pytest

from schemas.delivery import HOUR_MS, Delivery
from shelly.world.scenario import Event, GatewayPlan, Scenario, SensorPlan
from shelly.world.truth import Packet, Sent
from shelly.world.truth_file import Truth
from tests.shelly.world.pipeline import START, TICK, decoded

MINUTE, HOURS = 60_000, 7
CHANGED = 3  # the sensor whose battery is changed
EVENTS = (
    Event("battery", 130 * MINUTE, CHANGED),
    Event("silent", 185 * MINUTE, 1, 95 * MINUTE),  # nobody hears it, over two hours' ends
    Event("offline", 200 * MINUTE, 0, 40 * MINUTE),
    Event("reboot", 260 * MINUTE, 1, 4 * MINUTE),
    *(Event("button", (100 + each) * MINUTE + 7_000, 2, by=1) for each in (0, 1, 1, 30)),
)
Counts = tuple[int, int, dict[str, int]]


def scenario(loss: float, seed: int) -> Scenario:
    """Three gateways that miss most copies; six sensors, one of them encrypted."""
    gateways = tuple(GatewayPlan("bluflow", loss, ahead=700 * each) for each in range(3))
    sensors = tuple(SensorPlan(encrypted=each == 4) for each in range(6))
    return Scenario(gateways, sensors, EVENTS, seed=seed, duration=HOURS * 3600)


def bearers(truth: Truth, packet: Packet) -> set[str]:
    """The gateways whose messages brought it."""
    return {message.gateway for message in truth.published.get(packet, ())}


def told(truth: Truth, packets: list[Sent]) -> Iterator[Sent]:
    """Without what no id can tell: before the first that was heard, after the last, and over a change of battery."""
    heard = [bool(bearers(truth, sent.packet)) for sent in packets]
    first, last = heard.index(True), len(heard) - 1 - heard[::-1].index(True)
    yield from packets[first : last + 1]


def runs(truth: Truth, packets: list[Sent]) -> list[list[Sent]]:
    """The packets of one sensor between changes of its battery."""
    changes = [event.at for event in truth.events if event.kind == "battery" and event.name == packets[0].sensor]
    return [list(run) for _, run in groupby(packets, lambda sent: sum(at <= sent.at for at in changes))]


def counts(truth: Truth, packets: Iterable[Sent]) -> dict[int, Counts]:
    """By hour: sent, heard by any, heard by each."""
    sent, heard, by = Counter[int](), Counter[int](), dict[int, Counter[str]]()
    for packet in packets:
        hour = packet.at - packet.at % HOUR_MS
        brought = bearers(truth, packet.packet)
        sent[hour] += 1
        heard[hour] += bool(brought)
        by.setdefault(hour, Counter()).update(brought)
    return {hour: (sent[hour], heard[hour], dict(by[hour])) for hour in sorted(sent)}


def facts(hours: Iterable[Delivery]) -> dict[int, Counts]:
    return {
        each.start: (each.expected, each.heard, each.by_gateway) for each in sorted(hours, key=lambda one: one.start)
    }


@pytest.mark.parametrize(("loss", "seed"), [(0.3, 1), (0.8, 2), (0.9, 3)])
def test_each_hour_of_each_sensor_is_right_to_the_packet(loss: float, seed: int) -> None:
    # by the half of an hour, that no sensor speaks within moments of an hour's end; ticks until all hours are closed
    truth, pipeline = decoded(scenario(loss, seed), START + 30_000, ticks=2 * HOUR_MS // TICK)
    hours = pipeline.hours
    assert len(truth.head.sensors) == 6
    lost = 0
    for sensor in truth.head.sensors:
        packets = sorted((sent for sent in truth.sent.values() if sent.sensor == sensor), key=lambda sent: sent.at)
        expected = counts(truth, (sent for run in runs(truth, packets) for sent in told(truth, run)))
        found = [one for (whose, _), one in hours.items() if whose == sensor]
        assert facts(found) == expected, sensor
        lost += sum(sent - heard for sent, heard, _ in expected.values())
        unknown = {one.start for one in found if one.unknown_ms > 3 * MINUTE}
        changed = next(iter(runs(truth, packets)[1:]), None)
        assert unknown <= ({changed[0].at - changed[0].at % HOUR_MS} if changed else set()) | {max(expected)}
    assert lost > 60
