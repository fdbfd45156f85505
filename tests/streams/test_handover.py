"""Which readings of another generation the history lacks: each packet once, whichever copy came first."""

from typing import Any

import msgspec
import pytest

from schemas.advertisement import Coordinate
from schemas.reading import Reading
from streams.handover import CLOSES_AFTER_MS, MARGIN_MS, Since, closes_at, unheld
from tests.contract.engines import MINUTE, SENSOR, START, aggregate, reading

OTHER = "f8:44:77:3a:0e:4b"


def copy(number: int, *, by: int = 3, **changes: Any) -> Reading:
    """The packet of that minute as another gateway heard it, so many milliseconds later, through another partition."""
    made = reading(number)
    changes = {"measured_at": made.measured_at + by, "at": Coordinate(0, 0, number, 0), "gateway": "b", **changes}
    return msgspec.structs.replace(made, **changes)


def test_what_is_held_by_the_same_or_by_another_copy_is_not_written_again() -> None:
    held = [reading(number) for number in range(4)]
    made = [reading(0), copy(1), copy(2, by=-3), reading(3), reading(4), copy(5)]
    assert unheld(made, held) == [reading(4), copy(5)]
    assert unheld(made, []) == made


def test_a_packet_that_another_decoder_reads_otherwise_is_the_same_packet() -> None:
    held = [reading(0), reading(1)]
    made = [copy(0, values={"temperature": 2.15}), copy(1, values={"temperature": 2.15, "voltage": 3.1})]
    assert unheld(made, held) == []


def test_a_correction_that_changed_between_the_two_makes_no_other_packet() -> None:
    held = msgspec.structs.replace(reading(0), packet_id=None)
    said = held.values["temperature"]
    made = copy(0, packet_id=None, by=5, values={**held.values, "temperature": 9.0}, measured={"temperature": said})
    assert unheld([made], [held]) == []
    assert unheld([held], [made]) == []


def test_a_held_reading_stands_for_one_packet_only() -> None:
    """A battery was changed: within two minutes the same number comes again."""
    first, again = reading(0), copy(1, packet_id=0, values={"temperature": 9.5})
    assert unheld([first, again], [first]) == [again]
    assert unheld([copy(0), again], [first]) == [again]
    assert unheld([again, copy(0)], [first]) == [again]


def test_a_place_that_a_lost_tail_gave_twice_is_not_the_same_packet() -> None:
    held = reading(0)
    made = copy(1, at=held.at)
    assert unheld([made], [held]) == [made]


def test_without_a_number_the_values_and_half_a_minute_decide() -> None:
    held = msgspec.structs.replace(reading(0), packet_id=None)
    same = copy(0, packet_id=None, by=20_000)
    later, different = copy(0, packet_id=None, by=40_000), copy(0, packet_id=None, by=5, values={"button": "press"})
    assert unheld([same], [held]) == []
    assert unheld([later], [held]) == [later]
    assert unheld([different], [held]) == [different]


def test_an_encryption_counter_decides_where_there_is_one() -> None:
    held = msgspec.structs.replace(reading(0), counter=7)
    assert unheld([copy(0, counter=7, by=90, values={})], [held]) == []
    assert unheld([copy(0, counter=8, by=90)], [held]) == [copy(0, counter=8, by=90)]


def test_what_is_written_never_takes_the_time_of_another_packet() -> None:
    """Two packets of one time: which of them got the next millisecond may be another one."""
    first, second = reading(0), copy(0, by=0, packet_id=77, values={"temperature": 1})
    held = [first, msgspec.structs.replace(reading(9), measured_at=first.measured_at + 1)]
    [written] = unheld([second, msgspec.structs.replace(first, measured_at=first.measured_at + 1)], held)
    assert (written.packet_id, written.measured_at) == (77, first.measured_at + 2)


def test_many_readings_are_compared_in_no_time() -> None:
    held = [reading(number) for number in range(20_000)]
    assert unheld([copy(number) for number in range(20_001)], held) == [copy(20_000)]


@pytest.mark.parametrize(
    ("clock", "unwritten", "since", "other"),
    [
        (START, [], START - MARGIN_MS, START - MARGIN_MS),
        (START, [(SENSOR, START + MINUTE)], START - MARGIN_MS, START - MARGIN_MS),
        (START, [(SENSOR, START - MINUTE), (SENSOR, START)], START - MINUTE - MARGIN_MS, START - MARGIN_MS),
        (0, [(SENSOR, START)], 0, 0),
        (MINUTE, [], 0, 0),
    ],
)
def test_a_sensor_is_looked_at_from_its_oldest_unwritten_reading_on(
    clock: int, unwritten: list[tuple[str, int]], since: int, other: int
) -> None:
    found = Since(clock, unwritten)
    assert (found.of(SENSOR), found.of(OTHER), found.earliest) == (since, other, min(since, other))


def test_a_window_closes_when_nothing_can_come_late() -> None:
    window = aggregate(0)
    assert closes_at(window) == window.start + 300_000 + CLOSES_AFTER_MS
