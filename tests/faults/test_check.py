"""The checker sees what it is there for: each kind of damage, done to evidence that was clean."""

from collections.abc import Callable, Sequence

import msgspec
import pytest

from schemas.advertisement import Coordinate
from schemas.aggregate import DAY, FIVE_MINUTES, HOUR, SECOND, Aggregate, window_start
from schemas.codec import encode
from schemas.reading import Latest, LatestValue, Reading
from tests.faults.check import Verdict, aggregate_of, judge_aggregates, judge_latest, judge_store, judge_topic
from tests.faults.ledger import Ledger, newest
from tests.faults.load import Plan, messages

START = 1_759_654_500_000
PLAN = Plan(mqtt="", ledger="", block=1, rate=4, seconds=10, sensors=4)


def clean() -> tuple[Ledger, list[Reading]]:
    """A ledger, and the readings that an honest pipeline makes of it."""
    packets = [PLAN.packet(place, START + 250 * place) for place in range(PLAN.packets)]
    readings = [
        Reading(
            sensor=packet.sensor,
            measured_at=packet.sent_at,
            received_at=packet.sent_at,
            time_source="gateway",
            gateway="g",
            values=dict(packet.values),
            format="bluflow",
            at=Coordinate(0, 0, offset, 0),
            packet_id=packet.packet_id,
        )
        for offset, packet in enumerate(packets)
    ]
    return {packet.identity: packet for packet in packets}, readings


def changed(reading: Reading, **fields: object) -> Reading:
    return msgspec.structs.replace(reading, **fields)


@pytest.mark.parametrize(
    ("damage", "seen"),
    [
        (lambda readings: readings, {}),
        (lambda readings: readings[1:], {"missing": 1}),
        (lambda readings: [*readings, changed(readings[3], measured_at=START + 1)], {"duplicated": 1}),
        (lambda readings: [changed(readings[0], measured_at=START + 1001), *readings[1:]], {"wrong": 1}),
        (lambda readings: [changed(readings[0], packet_id=9), *readings[1:]], {"wrong": 1}),
        (lambda readings: [*readings, changed(readings[0], sensor="7c:c6:00:00:00:00")], {"wrong": 1}),
        (lambda readings: [changed(readings[0], flags=("late_for_windows",)), *readings[1:]], {"late": 1}),
    ],
)
def test_damage_in_the_store(damage: Callable[[Sequence[Reading]], Sequence[Reading]], seen: dict[str, int]) -> None:
    ledger, readings = clean()
    verdict = Verdict(len(ledger))
    judge_store(verdict, ledger, damage(readings), 1000)
    assert {name: getattr(verdict, name) for name in ("missing", "duplicated", "wrong", "late")} == {
        "missing": 0,
        "duplicated": 0,
        "wrong": 0,
        "late": 0,
        **seen,
    }
    assert verdict.clean is not bool(seen)


def test_a_repeat_in_the_topic_must_be_the_same_bit_for_bit() -> None:
    ledger, readings = clean()
    records = [encode(reading) for reading in readings]
    verdict = Verdict(len(ledger))
    judge_topic(verdict, ledger, records * 2)
    assert verdict.clean
    judge_topic(verdict, ledger, [*records[:-1], encode(changed(readings[0], rssi=-1))])
    assert (verdict.duplicated, verdict.missing) == (1, 1)


def test_latest_must_be_the_newest_with_every_reading_counted() -> None:
    ledger, _ = clean()

    def held(**fields: object) -> Latest:
        packet = newest(ledger)[PLAN.sensor(0)]
        values = {name: LatestValue(value, packet.sent_at) for name, value in packet.values.items()}
        made = Latest(packet.sensor, 1, packet.sent_at, packet.sent_at, "gateway", "g", values, PLAN.packets // 4)
        return msgspec.structs.replace(made, **fields)

    mine = {identity: packet for identity, packet in ledger.items() if identity[0] == PLAN.sensor(0)}
    for latest, expected in [(held(), (0, 0)), (held(readings=9), (0, 1)), (None, (1, 0))]:
        verdict = Verdict(len(mine))
        judge_latest(verdict, mine, {latest.sensor: latest} if latest else {})
        assert (verdict.missing, verdict.wrong) == expected


def honest_aggregates(readings: list[Reading], *, final: bool) -> list[Aggregate]:
    found = []
    for sensor in {reading.sensor for reading in readings}:
        mine = [reading for reading in readings if reading.sensor == sensor]
        for quantity in mine[0].values:
            said = [(reading.measured_at, reading.values[quantity]) for reading in mine]
            for width in (FIVE_MINUTES, HOUR, DAY) if final else (FIVE_MINUTES,):
                made = aggregate_of(sensor, quantity, width, window_start(mine[0].measured_at, width), said)
                found.append(msgspec.structs.replace(made, final=final))
    return found


@pytest.mark.parametrize("final", [False, True])
def test_damage_in_the_aggregates(final: bool) -> None:
    ledger, readings = clean()
    aggregates = honest_aggregates(readings, final=final)

    def wrong(found: list[Aggregate]) -> int:
        verdict = Verdict(len(ledger))
        judge_aggregates(verdict, ledger, readings, found)
        return verdict.wrong_aggregates

    assert wrong(aggregates) == 0
    assert wrong(aggregates[:-1]) == 1
    for name in ("count", "min", "max", "mean", "first", "last", "first_at", "last_at"):
        spoilt = msgspec.structs.replace(aggregates[0], **{name: getattr(aggregates[0], name) + 1})
        assert wrong([spoilt, *aggregates[1:]]) == 1, name


def test_an_hour_holds_final_windows_as_soon_as_none_of_their_quarter_is_open() -> None:
    ledger, readings = clean()
    at = 40 * 60 * SECOND  # before: a first quarter's window, and not the last of it
    readings = [msgspec.structs.replace(each, measured_at=each.measured_at - at) for each in readings]
    hours = [each for each in honest_aggregates(readings, final=True) if each.width != FIVE_MINUTES]
    fives = [each for each in honest_aggregates(readings, final=True) if each.width == FIVE_MINUTES]
    start = max(each.start for each in fives)

    def wrong(open_at: int, wider: list[Aggregate]) -> int:
        verdict = Verdict(len(ledger))
        later = [msgspec.structs.replace(each, start=open_at, final=False) for each in fives]
        judge_aggregates(verdict, ledger, readings, [*fives, *later, *wider])
        return verdict.wrong_aggregates - len(later)  # of which nothing was sent

    quarter, hour = (window_start(start, width) + width * SECOND for width in (HOUR // 4, HOUR))
    after = start + FIVE_MINUTES * SECOND
    assert after < quarter < hour
    assert wrong(after, []) == 0, "neither hour nor day was told of it"
    assert wrong(after, hours) == 0, "or they were, with an earlier one"
    assert wrong(quarter, [each for each in hours if each.width == HOUR]) == 0, "the quarter is told, the hour may be"
    assert wrong(quarter, [each for each in hours if each.width == DAY]) == len(hours) / 2
    assert wrong(hour, hours) == 0
    assert wrong(hour, []) == len(hours)
    for spoilt in ([msgspec.structs.replace(each, count=each.count + 1) for each in hours],):
        assert [wrong(at, spoilt) for at in (after, quarter, hour)] == [len(hours)] * 3


def test_copies_and_messages_that_come_again_are_further_messages_of_the_same_packets() -> None:
    plan = msgspec.structs.replace(PLAN, copies=2, copy_delay=3, again=2)
    sent = list(messages(plan, START))
    assert [due for due, _ in sent] == sorted(due for due, _ in sent)
    assert len({message.payload for _, message in sent}) == 2 * plan.packets
    assert len(sent) == 3 * plan.packets
