"""The ledger against the truth: what a sensor sent and what each gateway heard, packet by packet."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec
import pytest

from schemas.delivery import Delivery
from streams.ledger import Ledger, steps
from streams.sensor_state import load
from tests.streams.tracking import HOUR, MINUTE, SECOND, SENSOR, Event, Record, Tracker, heard, number, tick, ticks

HALF = MINUTE // 2


class Sent(NamedTuple):
    """A packet on the air, `at` milliseconds after T0, and who heard it: gateway -> how late its frame came."""

    at: int
    packet_id: int
    heard_by: dict[str, int]


def sends(
    start: int,
    end: int,
    first_id: int = 0,
    *,
    hears: Callable[[int], dict[str, int]] = lambda at: {"gw-a": 100},
    jitter: random.Random | None = None,
) -> list[Sent]:
    """A packet a minute in [start, end)."""
    times = [at + (jitter.randint(-2 * SECOND, 2 * SECOND) if jitter else 0) for at in range(start, end, MINUTE)]
    return [Sent(at, (first_id + number) % 256, hears(at)) for number, at in enumerate(times)]


def run(packets: Iterable[Sent], end: int, *, batches: Sequence[int] = (), raw_partitions: int = 1) -> Tracker:
    """Track has folded all of it; each gateway's frames in the raw partition that its letter gives."""
    logs: list[list[Event]] = [
        [(at, partial(tick, at, partition=partition)) for at in range(0, end + 1, 30 * SECOND)]
        for partition in range(raw_partitions)
    ]
    for sent in packets:
        for gateway, late in sent.heard_by.items():
            values = {"packet_id": sent.packet_id, "temperature": sent.packet_id / 10}
            partition = ord(gateway[-1]) % raw_partitions
            facts: dict[str, Any] = {"values": values, "gateway": gateway, "partition": partition}
            arrived = sent.at + late
            logs[partition].append((arrived, partial(heard, sent.at, arrived=arrived, **facts)))
    records = [
        (record, at)
        for log in logs
        for record, (at, _) in zip(number(log), sorted(log, key=itemgetter(0)), strict=True)
    ]
    ordered = [record for record, _ in sorted(records, key=lambda each: each[1])]
    track, at = Tracker(raw_partitions), 0
    for size in (*batches, len(ordered)):
        track.fold(ordered[at : at + size])
        if batches:
            track.recover()
        at += size
    return track


def truth(packets: Iterable[Sent]) -> dict[int, tuple[int, int, dict[str, int]]]:
    """By hour: sent, heard by any, by each."""
    sent, any_heard, by = Counter[int](), Counter[int](), dict[int, Counter[str]]()
    for packet in packets:
        hour = packet.at // HOUR
        sent[hour] += 1
        any_heard[hour] += bool(packet.heard_by)
        by.setdefault(hour, Counter()).update(packet.heard_by.keys())
    return {hour: (sent[hour], any_heard[hour], dict(by[hour])) for hour in sorted(sent)}


def facts(held: dict[int, Delivery]) -> dict[int, tuple[int, int, dict[str, int]]]:
    return {hour: (each.expected, each.heard, each.by_gateway) for hour, each in sorted(held.items())}


def ticks_after(records: Sequence[Record], start: int) -> list[Record]:
    """Half an hour of them."""
    return [tick(start + n * HALF, offset=len(records) + n) for n in range(60)]


def radio(seed: int) -> Callable[[int], dict[str, int]]:
    """Three gateways with losses of their own; one is away for half an hour, and one that is late by ten minutes."""
    dice = random.Random(seed)

    def hears(at: int) -> dict[str, int]:
        found = {}
        for gateway, loss in (("gw-a", 0.3), ("gw-b", 0.5), ("gw-c", 0.2)):
            if gateway == "gw-c" and 3 * HOUR <= at < 3 * HOUR + 30 * MINUTE:
                continue
            if dice.random() >= loss:
                late = 10 * MINUTE if gateway == "gw-b" and HOUR <= at < 2 * HOUR else 0
                found[gateway] = late + dice.randint(20, 2_000)
        return found

    return hears


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("raw_partitions", [1, 3])
def test_loss_copies_lateness_and_a_wrap_are_right_to_the_packet(seed: int, raw_partitions: int) -> None:
    packets = sends(HALF, 8 * HOUR, 200, hears=radio(seed), jitter=random.Random(seed))
    packets[0] = packets[0]._replace(heard_by={"gw-a": 0})  # before the first that is heard nothing can be known
    packets[-1] = packets[-1]._replace(heard_by={"gw-a": 0})
    held = run(packets, 9 * HOUR, raw_partitions=raw_partitions).hours()
    assert facts(held) == truth(packets)
    assert any(sent > heard for sent, heard, _ in truth(packets).values())
    assert [each.final for each in held.values()] == [True] * 7 + [False]
    assert [each.unknown_ms > 0 for each in held.values()] == [True] + [False] * 6 + [True]


@pytest.mark.parametrize("seed", range(4))
def test_a_battery_change_is_unknown_for_its_time_and_costs_no_packet_else(seed: int) -> None:
    hears = radio(seed)
    before = sends(HALF, 5 * HOUR, 100, hears=hears)
    after = sends(5 * HOUR + 8 * MINUTE + HALF, 7 * HOUR, 0, hears=hears)
    for packets in (before, after):
        packets[0], packets[-1] = (packets[end]._replace(heard_by={"gw-a": 0}) for end in (0, -1))
    held = run([*before, *after], 8 * HOUR).hours()
    assert facts(held) == truth([*before, *after])
    assert held[4].unknown_ms == HALF, "from its last packet to the hour's end"
    assert held[5].unknown_ms == 8 * MINUTE + HALF
    assert held[5].final


def test_a_silence_within_a_turn_of_the_ids_is_told_when_it_ends() -> None:
    away = range(HOUR + 50 * MINUTE, 4 * HOUR + 10 * MINUTE)
    packets = sends(HALF, 6 * HOUR, 250, hears=lambda at: {} if at in away else {"gw-a": 0})
    meanwhile = run([packet for packet in packets if packet.at < 4 * HOUR], 4 * HOUR).hours()
    assert meanwhile.keys() == {0, 1}
    assert (meanwhile[1].expected, meanwhile[1].heard, meanwhile[1].final) == (50, 50, False)
    assert meanwhile[1].unknown_ms == 10 * MINUTE + HALF
    held = run(packets, 7 * HOUR).hours()
    assert facts(held) == truth(packets)
    assert all(held[hour].final and not held[hour].unknown_ms for hour in (1, 2, 3, 4))


def test_a_silence_of_a_turn_of_the_ids_is_unknown() -> None:
    """Four hours and some: as many ids on as after a few minutes."""
    away = range(HOUR + 50 * MINUTE, HOUR + 50 * MINUTE + 256 * MINUTE)
    packets = sends(HALF, 8 * HOUR, hears=lambda at: {} if at in away else {"gw-a": 0})
    held = run(packets, 9 * HOUR).hours()
    assert held.keys() == {0, 1, 6, 7}, "what is wholly unknown has no record"
    assert (held[1].expected, held[1].heard, held[1].final) == (50, 50, True)
    assert held[1].unknown_ms == 10 * MINUTE + HALF
    assert held[6].expected == held[6].heard == 54
    assert held[6].unknown_ms == 6 * MINUTE + HALF


def test_a_packet_that_comes_when_its_time_was_taken_fills_its_gap() -> None:
    packets = sends(HALF, 2 * HOUR, hears=lambda at: {"gw-a": 40 * MINUTE if at == 5 * MINUTE + HALF else 0})
    packets[5] = packets[5]._replace(heard_by={"gw-a": 40 * MINUTE, "gw-b": 41 * MINUTE})
    held = run(packets, 3 * HOUR).hours()
    assert facts(held) == truth(packets)


def test_what_comes_when_the_hour_is_over_changes_nothing() -> None:
    packets = sends(HALF, 3 * HOUR, hears=lambda at: {"gw-a": 90 * MINUTE if at == 5 * MINUTE + HALF else 0})
    held = run(packets, 4 * HOUR).hours()
    assert (held[0].expected, held[0].heard) == (60, 59)
    assert (held[1].expected, held[1].heard) == (60, 60)


def test_hours_of_a_backlog_that_comes_at_once_are_right() -> None:
    """The bridge was away: no tick, then one gateway's frames of three hours, then another's."""
    dice = random.Random(1)
    back = 4 * HOUR

    def hears(at: int) -> dict[str, int]:
        lost = 0.4 if at >= HOUR else 0
        return {each: back - at + order for order, each in enumerate(("gw-a", "gw-b")) if dice.random() >= lost}

    packets = sends(HALF, 3 * HOUR, hears=hears)
    packets[-1] = packets[-1]._replace(heard_by={"gw-b": back - packets[-1].at})
    logs = {name: [p for p in packets if name in p.heard_by] for name in ("gw-a", "gw-b")}
    records = [
        heard(p.at, offset=n, values={"packet_id": p.packet_id}, gateway=name, arrived=back)
        for n, (name, p) in enumerate((name, p) for name, log in logs.items() for p in log)
    ]
    track = Tracker()
    track.fold([*records, *ticks_after(records, back)])
    assert facts(track.hours()) == truth(packets)


def test_the_account_does_not_hang_on_batches_or_recoveries() -> None:
    packets = sends(HALF, 4 * HOUR, 30, hears=radio(3))
    whole = run(packets, 5 * HOUR)
    dice = random.Random(4)
    parts = run(packets, 5 * HOUR, batches=[dice.randint(1, 60) for _ in range(40)])
    assert parts.deliveries == whole.deliveries
    assert parts.changelog == whole.changelog


def test_more_packets_than_are_remembered_are_all_counted() -> None:
    """Nothing moves the watermark, and more than 512 packets come: those that are forgotten were taken."""
    packets = sends(HALF, 12 * HOUR)
    records = [
        heard(p.at, offset=n, values={"packet_id": p.packet_id}, arrived=12 * HOUR) for n, p in enumerate(packets)
    ]
    track = Tracker()
    track.fold(records)
    told = facts(track.hours())
    assert told.keys() >= {0, 1, 2}
    assert set(map(repr, told.values())) == {repr((60, 60, {"gw-a": 60}))}
    track.fold(ticks_after(records, 13 * HOUR))
    assert facts(track.hours()) == truth(packets)


def test_packets_without_an_id_are_heard_and_their_time_is_unknown() -> None:
    events: list[Event] = [
        (at, partial(heard, at, values={"temperature": at / MINUTE})) for at in range(0, HOUR, MINUTE)
    ]
    track = Tracker()
    track.fold(number([*events, *ticks(0, 2 * HOUR)]))
    only = track.hours()[0]
    assert (only.expected, only.heard, only.unknown_ms) == (60, 60, HOUR)


def test_a_packet_without_an_id_between_others_makes_none_of_them_missing() -> None:
    said = [(0, 5), (MINUTE, None), (2 * MINUTE, 7), (3 * MINUTE, 8)]
    make = [(at, partial(heard, at, values={"temperature": at} | ({"packet_id": n} if n else {}))) for at, n in said]
    track = Tracker()
    track.fold(number([*make, *ticks(0, 2 * HOUR)]))
    only = track.hours()[0]
    assert (only.expected, only.heard, only.unknown_ms) == (4, 4, 2 * MINUTE + 57 * MINUTE)


@pytest.mark.parametrize("before", [[], [(0, 9)]])
def test_two_packets_of_one_moment_may_be_heard_the_wrong_way_round(before: list[tuple[int, int]]) -> None:
    """A press of the button beside a beacon: of the first the early copies are missed."""
    times = [*before, (MINUTE, 11), (MINUTE + 300, 10), (2 * MINUTE, 12)]
    make = [(at, partial(heard, at, values={"packet_id": packet_id})) for at, packet_id in times]
    track = Tracker()
    track.fold(number([*make, *ticks(0, 2 * HOUR)]))
    only = track.hours()[0]
    assert (only.expected, only.heard) == (len(times), len(times))


def test_so_far_expected_and_heard_only_grow_and_end_at_the_truth() -> None:
    packets = sends(HALF, 5 * HOUR, 77, hears=radio(9))
    packets[0] = packets[0]._replace(heard_by={"gw-a": 0})
    packets[-1] = packets[-1]._replace(heard_by={"gw-a": 0})
    state = load(run(packets, 6 * HOUR).changelog[SENSOR.encode()])
    assert state.ledger.ever_expected == len(packets)
    assert state.ledger.ever_heard == sum(bool(packet.heard_by) for packet in packets)


@pytest.mark.parametrize(
    ("before", "after", "minutes", "expected"),
    [
        (7, 8, 1, 1),
        (255, 0, 1, 1),
        (250, 3, 9, 9),
        (7, 9, 1, 2),
        (7, 7, 0, None),  # two packets of one id are a sensor that began anew
        (7, 13, 1, 6),  # five presses of the button within a minute
        (7, 14, 1, None),
        (7, 10, 5, 3),
        (7, 9, 5, None),
        (0, 200, 200, 200),
        (0, 186, 200, 186),  # its clock is a sixteenth slow, as none is
        (0, 185, 200, None),
        (0, 235, 235, 235),
        (0, 236, 237, None),  # too near to a turn
        (None, 1, 1, None),
        (1, None, 1, None),
    ],
)
def test_ids_tell_how_many_were_sent_if_the_time_agrees(
    before: int | None, after: int | None, minutes: int, expected: int | None
) -> None:
    assert steps(before, after, minutes * MINUTE, MINUTE) == expected


def test_an_account_is_small() -> None:
    full = Ledger(489_000, 3_599_999, 255, 60, 60, 3_599_999, True, {40_000 + n: 60 for n in range(4)}, 65_000, 65_000)
    assert len(msgspec.msgpack.encode(full)) <= 64
