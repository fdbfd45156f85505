"""Truth beside what is held: which readings are missing, there twice, or say something else. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from shelly.world.truth import Packet, Sent
from shelly.world.truth_file import Truth

_NEAR = 120_000  # milliseconds: a reading without a packet id belongs to a packet of about its time


class Held(NamedTuple):
    """A reading as it is held: `measured_at` in unix milliseconds, `values` without the packet id."""

    packet_id: int | None
    measured_at: int
    values: Mapping[str, Any]


class Verdict(NamedTuple):
    """What is said of one sensor: counts of packets, and the packets and readings that are not as they should be.

    `partial`: readings that lack a property which the packet had.
    """

    sensor: str
    sent: int
    heard: int
    published: int
    owed: int
    found: int
    partial: int
    missing: list[Sent]
    duplicated: list[Held]
    wrong: list[Held]

    @property
    def is_right(self) -> bool:
        return not (self.missing or self.duplicated or self.wrong)


def compare(truth: Truth, held: Mapping[str, Iterable[Held]]) -> list[Verdict]:
    """Every sensor's readings beside its packets."""
    owed = truth.owed
    packets: dict[str, list[Sent]] = {sensor: [] for sensor in truth.head.sensors}
    for sent in truth.sent.values():
        packets[sent.sensor].append(sent)
    return [_judge(truth, owed, sensor, packets[sensor], held.get(sensor, ())) for sensor in packets]


def _judge(truth: Truth, owed: set[Packet], sensor: str, packets: list[Sent], held: Iterable[Held]) -> Verdict:
    by_id: dict[int, list[Sent]] = defaultdict(list)
    for sent in packets:
        by_id[sent.packet_id].append(sent)
    found: dict[Packet, set[str]] = {}  # and which properties were told of it
    duplicated: list[Held] = []
    wrong: list[Held] = []
    for reading in held:
        candidates = by_id[reading.packet_id] if reading.packet_id is not None else _around(packets, reading)
        agreeing = sorted(
            (sent for sent in candidates if _agrees(sent, reading)),
            key=lambda sent: abs(sent.at - reading.measured_at),
        )
        free = next((sent for sent in agreeing if sent.packet not in found), None)
        # a gateway's own components say a press by itself, without a packet id: another part of its packet
        part = next((sent for sent in agreeing if _adds(reading, found.get(sent.packet))), None)
        if part is not None:
            found[part.packet] |= reading.values.keys()
        elif free is not None:
            found[free.packet] = set(reading.values)
        elif agreeing:
            duplicated.append(reading)
        elif reading.measured_at >= truth.head.start:  # else of a world before this one, with the same sensors
            wrong.append(reading)
    return Verdict(
        sensor,
        len(packets),
        sum(bool(sent.heard) for sent in packets),
        sum(sent.packet in truth.published for sent in packets),
        sum(sent.packet in owed for sent in packets),
        len(found),
        sum(len(told) < len(truth.sent[packet].values) for packet, told in found.items()),
        [sent for sent in packets if sent.packet in owed and sent.packet not in found],
        duplicated,
        wrong,
    )


def _around(packets: Iterable[Sent], reading: Held) -> list[Sent]:
    return [sent for sent in packets if abs(sent.at - reading.measured_at) <= _NEAR]


def _adds(reading: Held, told: set[str] | None) -> bool:
    return told is not None and reading.packet_id is None and told.isdisjoint(reading.values)


def _agrees(sent: Sent, reading: Held) -> bool:
    """Whether the reading says nothing that the packet did not. An event's value is its code beside a word."""
    plain = {name: value["raw"] if isinstance(value, dict) else value for name, value in reading.values.items()}
    return all(name in sent.values and sent.values[name] == value for name, value in plain.items())
