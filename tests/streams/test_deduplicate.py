"""Copies in other shapes: a gateway's own components tell no packet id."""

import pytest

from schemas.advertisement import Values
from streams.fold import fold
from streams.sensor_state import SensorState
from tests.streams.tracking import SECOND, heard

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
