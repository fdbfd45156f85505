"""The packets that a sensor said lately: so that copies are known, and what the open windows are made of.

A column a property instead of an object a packet: little to hold, little to write, and quick to look through.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from schemas.advertisement import Values
from streams.columns import Column
from streams.properties import STEPS, in_steps

NOTHING = -4 * 10**18  # in a property's column: it was not said. Whole in whatever unit the column is
NONE = -1  # of a packet id or a counter
MEMORY_PACKETS = 512

CAME_IN_MS = 10_000
MICRO = 1_000_000
NO_MOVES: Mapping[str, int] = {}
RHYTHM_MS = 60_000  # most sensors speak about so often


class Packet(NamedTuple):
    """One packet. `native`: a gateway decoded it itself."""

    packet_id: int | None
    counter: int | None
    measured_at: int
    values: Values
    native: bool = False


class Packets(msgspec.Struct):
    """Columns, an entry a packet, in order of acceptance. Times in unix milliseconds.

    `came_after`: when it came through the stream, in tens of seconds after it was measured, rounded up. `heard_by`: a
    bit a gateway, by its place among the receptions. `numbers`: property -> column, in its steps. The packet id, which
    has a column of its own, is not in it. `moved`: what the registry's corrections added to a number of a window's
    name, in micro-units; the others are what the sensor said. By the times of packets that have any: `left_out`, the
    properties that the windows do not take, None for all; `others`, what is no number of its property's steps.
    """

    measured_at: Column = msgspec.field(default_factory=lambda: Column(rhythm=RHYTHM_MS))
    packet_id: Column = msgspec.field(default_factory=Column)
    counter: Column = msgspec.field(default_factory=Column)
    came_after: list[int] = []
    heard_by: list[int] = []
    native: list[int] = []
    left_out: dict[int, tuple[str, ...] | None] = {}
    numbers: dict[str, Column] = {}
    others: dict[int, Values] = {}
    moved: dict[str, Column] = {}

    def __len__(self) -> int:
        return len(self.measured_at)

    def __getitem__(self, row: int) -> Packet:
        packet_id, counter = self.packet_id[row], self.counter[row]
        return Packet(
            None if packet_id == NONE else packet_id,
            None if counter == NONE else counter,
            self.measured_at[row],
            self.values(row),
            bool(self.native[row]),
        )

    def values(self, row: int) -> Values:
        """What it said; a number may have become a float."""
        said: Values = dict(self.others.get(self.measured_at[row], ()))
        if self.packet_id[row] != NONE:
            said.setdefault("packet_id", self.packet_id[row])
        for name, column in self.numbers.items():
            if column[row] != NOTHING:
                said[name] = column[row] / STEPS[name]
        return said

    def came_at(self, row: int) -> int:
        """When it came through the stream."""
        return self.measured_at[row] + self.came_after[row] * CAME_IN_MS

    def append(
        self,
        packet: Packet,
        came_at: int,
        heard_by: int,
        left_out: tuple[str, ...] | None,
        moved: Mapping[str, int] = NO_MOVES,
    ) -> None:
        """Take a packet in."""
        columns, others, filled = self.numbers, Values(), 0
        for name, value in packet.values.items():
            if name == "packet_id" and value == packet.packet_id:
                continue
            number = None if name == "packet_id" else in_steps(name, value)
            if number is None:
                others[name] = value
                continue
            column = columns.get(name)
            if column is None:
                column = columns[name] = Column(STEPS[name])
                for _ in self.measured_at:
                    column.add(NOTHING)
            column.add(number)
            filled += 1
        self.measured_at.add(packet.measured_at)
        if filled < len(columns):
            for column in columns.values():
                if len(column) < len(self.measured_at):
                    column.add(NOTHING)
        self.came_after.append(-((packet.measured_at - came_at) // CAME_IN_MS))
        self.packet_id.add(NONE if packet.packet_id is None else packet.packet_id)
        self.counter.add(NONE if packet.counter is None else packet.counter)
        self.heard_by.append(heard_by)
        self.native.append(int(packet.native))
        if left_out != ():
            self.left_out[packet.measured_at] = left_out
        if others:
            self.others[packet.measured_at] = others
        for name in {**self.moved, **moved} if moved or self.moved else ():
            column = self.moved.get(name)
            if column is None:
                column = self.moved[name] = Column(MICRO)
                for _ in self.measured_at[1:]:
                    column.add(0)
            column.add(moved.get(name, 0))

    def forget(self, count: int) -> None:
        """Let go of the first so many."""
        for odd in (self.left_out, self.others):
            for time in self.measured_at[:count] if odd else ():
                odd.pop(time, None)
        for column in (self.measured_at, self.packet_id, self.counter, *self.numbers.values(), *self.moved.values()):
            column.forget(count)
        for plain in (self.came_after, self.heard_by, self.native):
            del plain[:count]
        _drop(self.numbers, NOTHING)
        _drop(self.moved, 0)

    def forget_gateway(self, place: int) -> None:
        """A reception is gone, and those behind it moved up."""
        below = (1 << place) - 1
        self.heard_by = [heard & below | heard >> place + 1 << place for heard in self.heard_by]


def _drop(columns: dict[str, Column], nothing: int) -> None:
    """Those that say nothing any more."""
    for name in [name for name, column in columns.items() if not column or column[-1] == nothing]:
        if columns[name].count(nothing) == len(columns[name]):
            del columns[name]
