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
    bit a gateway, by its place among the receptions. `left_out`: the properties that the windows do not take, None for
    all. `numbers`: property -> column, in its steps; `others`: what is no number of its property's steps. The packet
    id, which has a column of its own, is in neither. `moved`: what the registry's corrections added to a number of a
    window's name, in micro-units; the others are what the sensor said.
    """

    measured_at: Column = msgspec.field(default_factory=lambda: Column(rhythm=RHYTHM_MS))
    packet_id: Column = msgspec.field(default_factory=Column)
    counter: Column = msgspec.field(default_factory=Column)
    came_after: list[int] = []
    heard_by: list[int] = []
    native: list[int] = []
    left_out: list[tuple[str, ...] | None] = []
    numbers: dict[str, Column] = {}
    others: list[Values | None] = []
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
        said: Values = dict(self.others[row] or {})
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
        self.left_out.append(left_out)
        self.others.append(others or None)
        for name in {**self.moved, **moved} if moved or self.moved else ():
            column = self.moved.get(name)
            if column is None:
                column = self.moved[name] = Column(MICRO)
                for _ in self.measured_at[1:]:
                    column.add(0)
            column.add(moved.get(name, 0))

    def forget(self, count: int) -> None:
        """Let go of the first so many."""
        for column in (self.measured_at, self.packet_id, self.counter, *self.numbers.values(), *self.moved.values()):
            column.forget(count)
        for plain in (self.came_after, self.heard_by, self.native, self.left_out, self.others):
            del plain[:count]
        for name, numbers in list(self.numbers.items()):
            if numbers.count(NOTHING) == len(numbers):
                del self.numbers[name]
        for name, moves in list(self.moved.items()):
            if moves.count(0) == len(moves):
                del self.moved[name]

    def forget_gateway(self, place: int) -> None:
        """A reception is gone, and those behind it moved up."""
        below = (1 << place) - 1
        self.heard_by = [heard & below | heard >> place + 1 << place for heard in self.heard_by]
