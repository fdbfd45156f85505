"""Our lines beside influxdb-client's Point: whatever a name or a place holds, it is written in the same way."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from influxdb_client.client.write.point import Point

from history.points import aggregate_point, reading_points
from schemas.codec import encode
from tests.contract.engines import aggregate, reading

# All of Unicode but surrogates, and often what line protocol gives a meaning to.
TEXT = st.text(st.sampled_from(',= "\\\n\r\tn') | st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
TAG = TEXT.filter(lambda text: not text.endswith("\\"))  # there the client loses the backslash and we do not
QUANTITY = TEXT.filter(lambda text: not text.startswith("#"))  # a comment; the client warns and writes it
NUMBER = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)


def series(quantity: str, sensor: str, location: str) -> str:
    """Measurement and tags as the client escapes them."""
    point = Point(quantity).tag("sensor_id", sensor).tag("location", location).field("value", True)
    line: str = point.to_line_protocol()
    return line.removesuffix(" value=true")


@settings(deadline=None)
@given(TAG, TAG, QUANTITY, NUMBER, st.none() | st.integers(0, 100))
def test_the_lines_of_a_reading_are_the_clients_and_floats_stay_floats(
    sensor: str, location: str, quantity: str, number: float, battery: int | None
) -> None:
    values = {"temperature": number, quantity: number} | ({} if battery is None else {"battery": battery})
    one = msgspec.structs.replace(reading(0, sensor=sensor), gateway=location, values=values)
    time = one.measured_at * 1_000_000
    whole, *rest = reading_points(one, location)
    record = Point("reading").tag("sensor_id", sensor).field("record", encode(one).decode()).time(time)
    assert whole == record.to_line_protocol()
    assert len(rest) == len(values)
    for (name, value), line in zip(values.items(), rest, strict=True):
        with_battery = name in ("temperature", "humidity") and "battery" in values
        level = f",battery_level={float(values['battery'])}" if with_battery else ""
        assert line == f"{series(name, sensor, location)} value={float(value)}{level} {time}"


@settings(deadline=None)
@given(TAG, TAG, QUANTITY)
def test_the_line_of_an_aggregate_has_the_clients_series(sensor: str, location: str, quantity: str) -> None:
    one = msgspec.structs.replace(aggregate(0), sensor=sensor, quantity=quantity)
    line = aggregate_point(one, location)
    assert line.startswith(f"{series(quantity, sensor, location)} count={one.count}i,min=")


def test_a_backslash_at_a_tags_end_escapes_nothing_that_follows() -> None:
    line = reading_points(reading(0, sensor="s"), "b\\")[1]
    assert r",location=b\\ ,sensor_id=s " in line


def test_a_place_that_changes_is_in_the_next_line() -> None:
    """Tags are kept escaped, by sensor and place."""
    for _ in range(2):
        for sensor in ("a", "a,location=b", "b"):
            for location in ("a", "b", "a,sensor_id=b"):
                line = reading_points(reading(0, sensor=sensor), location)[1]
                assert line.startswith(series("battery", sensor, location) + " ")
