"""Readings, aggregates and deliveries as InfluxDB's points, in line protocol, and back. Pure.

A reading is one point a quantity, for Grafana and people, and one point of the measurement `reading` that holds it
whole, for us. Gateway, rssi and name are never tags: each new value of a tag is a new series.
"""

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeGuard

import msgspec

from history.store import ReadingRejected
from schemas.aggregate import Aggregate
from schemas.codec import encode
from schemas.delivery import Delivery
from schemas.reading import Reading

READING = "reading"
DELIVERY = "delivery"
AGGREGATE_FIELDS = (
    *("count", "min", "max", "mean", "first", "first_at", "last", "last_at"),
    *("revision", "final"),
)
_NUMBERS = (int, float)  # by type: a bool is none
_WITH_BATTERY = ("temperature", "humidity")
_LATEST_MS = 9_223_372_036_854  # what 64 bits of nanoseconds hold
_INT64 = 2**63

_IN_TAG = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\n": r"\n", "\r": r"\r", "\t": r"\t"})
_IN_MEASUREMENT = str.maketrans({",": r"\,", " ": r"\ ", "\n": r"\n", "\r": r"\r", "\t": r"\t"})
_SERIES = 16_384  # sensors whose escaped tags are kept, some 8 MB; beyond it they are escaped again


def nanoseconds(time: int) -> int:
    """InfluxDB's time of ours, unix milliseconds; beyond what it can count, the last that it can."""
    return max(-_LATEST_MS, min(time, _LATEST_MS)) * 1_000_000


def reading_points(reading: Reading, location: str) -> list[str]:
    """The points of one reading, the whole one first. Raises ReadingRejected if it can never be stored."""
    time, values, measured = _time(reading.measured_at), reading.values, reading.measured
    battery = values.get("battery")
    level = f",battery_level={_float(battery)}" if _is_number(battery) else ""
    try:
        sensor, tags = _tags(reading.sensor, location)
        lines = [f'{READING},{sensor} record="{_record(reading)}" {time}']
        for quantity, given in values.items():
            name, beside = _measurement(quantity), level if quantity in _WITH_BATTERY else ""
            if type(given) in _NUMBERS and not measured:  # nearly all of them
                lines.append(f"{name},{tags} value={_float(given)}{beside} {time}")
                continue
            for index, value in _numbers(given):
                instance = f"index={index}," if index else ""
                said = _said(measured.get(quantity), index)
                lines.append(f"{name},{instance}{tags} value={_float(value)}{said}{beside} {time}")
        return lines
    except (OverflowError, UnicodeEncodeError, msgspec.MsgspecError) as error:
        raise ReadingRejected(f"{type(error).__name__}: {error}") from error


def aggregate_point(aggregate: Aggregate, location: str) -> str:
    """The point of one aggregate, at the window's start. Raises ReadingRejected if it can never be stored."""
    a = aggregate
    time = _time(a.start)
    if any(abs(number) >= _INT64 for number in (a.count, a.first_at, a.last_at, a.revision)):
        raise ReadingRejected(f"beyond 64 bits: {a}")
    instance = f"index={a.index}," if a.index else ""
    _, tags = _tags(a.sensor, location)
    return (
        f"{_measurement(a.quantity)},{instance}{tags} "
        f"count={a.count}i,min={_float(a.min)},max={_float(a.max)},mean={_float(a.mean)},"
        f"first={_float(a.first)},first_at={a.first_at}i,last={_float(a.last)},last_at={a.last_at}i,"
        f"revision={a.revision}i,final={'true' if a.final else 'false'} {time}"
    )


def delivery_point(delivery: Delivery, location: str) -> str:
    """The point of an hour, at its start: figures for people, and the whole as text, for us. Raises ReadingRejected."""
    d = delivery
    time = _time(d.start)
    if any(abs(number) >= _INT64 for number in (d.expected, d.heard, d.revision)):
        raise ReadingRejected(f"beyond 64 bits: {d}")
    _, tags = _tags(d.sensor, location)
    try:
        return (
            f"{DELIVERY},{tags} expected={d.expected}i,heard={d.heard}i,unknown_seconds={_float(d.unknown_ms / 1000)},"
            f'record="{_record(d)}" {time}'
        )
    except (OverflowError, UnicodeEncodeError, msgspec.MsgspecError) as error:
        raise ReadingRejected(f"{type(error).__name__}: {error}") from error


def aggregate_of(
    quantity: str, tags: Mapping[str, str], width: int, start: int, fields: Mapping[str, Any]
) -> Aggregate:
    """The aggregate of one row: its measurement, tags, time (unix milliseconds) and AGGREGATE_FIELDS."""
    return Aggregate(
        sensor=tags["sensor_id"],
        quantity=quantity,
        index=int(tags.get("index") or 0),
        width=width,
        start=start,
        count=fields["count"],
        min=float(fields["min"]),  # a whole number comes without its .0
        max=float(fields["max"]),
        mean=float(fields["mean"]),
        first=float(fields["first"]),
        first_at=fields["first_at"],
        last=float(fields["last"]),
        last_at=fields["last_at"],
        revision=fields["revision"],
        final=fields["final"],
    )


def _numbers(given: object) -> Iterator[tuple[int, int | float]]:
    """(index, value) of every number in a property's value; the index tells apart what a packet repeats."""
    for index, value in enumerate(given if isinstance(given, list) else [given]):
        if _is_number(value):
            yield index, value


def _said(measured: object, index: int) -> str:
    """The field of what the sensor said, where that was corrected."""
    value = measured[index] if isinstance(measured, list) else measured
    return f",raw={_float(value)}" if _is_number(value) else ""


def _is_number(value: object) -> TypeGuard[int | float]:
    return type(value) in _NUMBERS


def _record(record: Reading | Delivery) -> str:
    """As a string field's text; on bytes, as that is many times quicker than translating text."""
    return encode(record).replace(b"\\", rb"\\").replace(b'"', rb"\"").decode()


def _time(time: int) -> int:
    if abs(time) > _LATEST_MS:
        raise ReadingRejected(f"OverflowError: a time beyond what InfluxDB counts: {str(time)[:40]} ms")
    return time * 1_000_000


def _float(value: float) -> str:
    """A field that is a float in every point: 22 would be one too, 22i would not. JSON and InfluxDB know no NaN."""
    number = float(value)
    if not math.isfinite(number):
        raise ReadingRejected(f"not a number: {value}")
    return repr(number)


@lru_cache(maxsize=1024)
def _measurement(quantity: str) -> str:
    return quantity.translate(_IN_MEASUREMENT)


@lru_cache(maxsize=_SERIES)
def _tags(sensor: str, location: str) -> tuple[str, str]:
    """Of the whole reading, and of its quantities. Escaped once for a sensor and its place, not for each point."""
    tag = f"sensor_id={_tag(sensor)}"
    return tag, f"location={_tag(location)},{tag}"


def _tag(text: str) -> str:
    """A tag's value. A backslash at the end would escape what follows it, so a space comes between."""
    escaped = text.translate(_IN_TAG)
    return escaped + r"\ " if escaped.endswith("\\") else escaped
