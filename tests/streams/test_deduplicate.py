"""Copies in other shapes, since a gateway's own components tell no packet id; and copies that come back long after."""

import pytest

from schemas.advertisement import Advertisement, Values
from streams.deduplicate import MEMORY_MS
from streams.fold import fold
from streams.sensor_state import SensorState
from streams.state_codec import load
from tests.streams.tracking import HOUR, MINUTE, SECOND, SENSOR, Tracker, heard, tick

RAW: Values = {"packet_id": 78, "battery": 100, "humidity": 63, "temperature": 22.3}
NATIVE: Values = {"battery": 100, "humidity": 63, "temperature": 22.3}


def readings(*packets: tuple[float, str, Values]) -> int:
    """How many readings come of (seconds, format, values)."""
    state = SensorState()
    advertisements = [
        heard(int(at * SECOND), offset=offset, format=shape, values=values)
        for offset, (at, shape, values) in enumerate(packets)
    ]
    return sum(fold(state, each).reading is not None for each in advertisements)


@pytest.mark.parametrize(
    ("packets", "expected"),
    [
        ([(0, "bluflow", RAW), (1, "native", NATIVE)], 1),
        ([(0, "native", NATIVE), (1, "bluflow", RAW)], 1),
        ([(0, "native", NATIVE), (1, "native", {"temperature": 22.3})], 1),
        ([(0, "bluflow", RAW), (1, "native", {**NATIVE, "packet_id": 78})], 1),
        ([(0, "bluflow", RAW), (1, "native", {**NATIVE, "packet_id": 79})], 2),
        ([(0, "bluflow", RAW), (1, "native", {**NATIVE, "temperature": 22.4})], 2),
        ([(0, "bluflow", RAW), (1, "native", {"button": {"event": "press"}})], 2),
        ([(0, "bluflow", RAW), (31, "native", NATIVE)], 2),
        ([(0, "bluflow", RAW), (1, "oh-blu", NATIVE)], 2),
        ([(0, "oh-blu", NATIVE), (1, "oh-blu", {"temperature": 22.3})], 2),
    ],
)
def test_a_packet_is_one_reading_in_whatever_shape(packets: list[tuple[float, str, Values]], expected: int) -> None:
    assert readings(*packets) == expected


@pytest.mark.parametrize(
    ("behind", "later", "flags", "expected"),
    [
        (300 * SECOND, 2 * SECOND, (), 1),  # a gateway whose clock is five minutes slow, before that is known
        (14 * MINUTE, 2 * SECOND, (), 1),
        (-50 * SECOND, 100 * SECOND, (), 1),
        (300 * SECOND, 200 * SECOND, (), 2),  # as far apart by arrival as by their times
        (4 * HOUR, 2 * SECOND, (), 2),  # out of a queue: the ids came round meanwhile
        (300 * SECOND, 2 * SECOND, ("restored",), 2),  # all that comes back comes at once
    ],
)
@pytest.mark.parametrize("counter", [None, 7])
def test_gateways_whose_clocks_disagree_bring_one_packet(
    behind: int, later: int, flags: tuple[str, ...], expected: int, counter: int | None
) -> None:
    state = SensorState()
    copies = [
        heard(0, offset=0, values=RAW, counter=counter),
        heard(-behind, offset=1, values=RAW, counter=counter, arrived=later, gateway="gw-b", flags=flags),
    ]
    found = [fold(state, each) for each in copies]
    if expected == 1:
        assert [each.outcome for each in found] == ["accept", "merge"]
    else:
        assert found[1].outcome != "merge"


PACKETS = 100


def came_back(number: int, *, partition: int, offset: int) -> Advertisement:
    """A packet of long ago, in a frame that was a dead letter: it keeps its arrival."""
    at, values = number * MINUTE + partition * 50, {"packet_id": number, "temperature": 20.0}
    gateway = f"gw-{partition}"
    return heard(
        at, offset=offset, partition=partition, gateway=gateway, values=values, counter=number, flags=("restored",)
    )


@pytest.mark.parametrize("beside_live_ones", [False, True])
def test_frames_that_come_back_are_known_as_copies_of_each_other(beside_live_ones: bool) -> None:
    """Days later two gateways' frames are redriven, each into its partition: one's all, then the other's."""
    now, track = 48 * HOUR, Tracker(raw_partitions=2)
    track.fold([tick(now, offset=0, partition=0), tick(now, offset=0, partition=1)])
    for partition in range(2):
        for number in range(PACKETS):
            offset = 1 + 2 * number
            track.fold([came_back(number, partition=partition, offset=offset)])
            if beside_live_ones:
                live = {"packet_id": number, "temperature": 30.0}
                at = now + (partition * PACKETS + number) * SECOND
                track.fold([heard(at, offset=offset + 1, partition=partition, values=live, counter=10_000 + offset)])
    back = [reading.counter for reading in track.readings if "restored" in reading.flags]
    assert back == list(range(PACKETS))


def test_what_came_back_is_forgotten_like_everything_else() -> None:
    now, track = 48 * HOUR, Tracker()
    track.fold([tick(now, offset=0)])
    track.fold([came_back(number, partition=0, offset=1 + number) for number in range(PACKETS)])
    later = now + MEMORY_MS + MINUTE
    track.fold([tick(later, offset=PACKETS + 1), heard(later, offset=PACKETS + 2)])
    (state,) = (load(value) for key, value in track.changelog.items() if key == SENSOR.encode())
    assert len(state.packets) == 1
