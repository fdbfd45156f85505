"""From one generation's sinks to another's: what the history does not hold yet of what the other has made. Pure.

Both have folded the same frames. Where gateways raced, another copy of a packet may have come first, so that a reading
has another time and place: no offset tells which are written. What the history holds does, packet by packet.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence

import msgspec

from schemas.aggregate import SECOND, Aggregate
from schemas.delivery import HOUR_MS, Delivery
from schemas.reading import Reading
from streams.deduplicate import MEMORY_MS, NATIVE, WINDOW_MS, is_copy
from streams.packets import Packet
from streams.schedule import TURNS_MS, WAITS_MS
from streams.windows import LATENESS_MS

# Copies of a packet reach the bridge within what a fold remembers, and clocks of the machines differ.
MARGIN_MS = MEMORY_MS + 10 * 60_000
CLOSES_AFTER_MS = LATENESS_MS + TURNS_MS + WAITS_MS  # its end, at the latest

Same = Callable[[Reading, Reading], bool]


class Since:
    """From which arrival on a sensor's readings may be missing in the history, in unix milliseconds.

    `clock`: the old generation has folded all that arrived before it, 0 if it does not say. `unwritten`: (sensor,
    arrival) of what it has made and its sinks have not written.
    """

    def __init__(self, clock: int, unwritten: Iterable[tuple[str, int]]) -> None:
        self._all = max(0, clock - MARGIN_MS)
        self._of: dict[str, int] = {}
        for sensor, arrival in unwritten:
            time = max(0, arrival - MARGIN_MS)
            if time < self._of.get(sensor, self._all):
                self._of[sensor] = time

    def of(self, sensor: str) -> int:
        """What arrived before it was written, unless the old generation made nothing of it."""
        return self._of.get(sensor, self._all)

    @property
    def earliest(self) -> int:
        """Of all sensors."""
        return min(self._of.values(), default=self._all)


def closes_at(one: Aggregate | Delivery) -> int:
    """The watermark by which the window, or the hour, is told as over, unix milliseconds."""
    width = HOUR_MS if isinstance(one, Delivery) else one.width * SECOND
    return one.start + width + CLOSES_AFTER_MS


def unheld(made: Iterable[Reading], held: Sequence[Reading]) -> list[Reading]:
    """The readings of one sensor whose packets are not among those held, which are sorted by time.

    Each held one stands for one packet: the same place in the log, else the same packet by its values, else by its
    number alone, as another decoder may read other values. The time of what is left is made free of held ones.
    """
    claims = _Claims(held)
    left = list(made)
    for same in (_is_same_place, _is_same_packet, _has_same_number):
        left = [reading for reading in left if not claims.claim(reading, same)]
    taken = {reading.measured_at for reading in held}
    return [_at_free_time(reading, taken) for reading in left]


class _Claims:
    """The held readings, and which of them stand for nothing yet."""

    def __init__(self, held: Sequence[Reading]) -> None:
        self._held, self._times = held, [reading.measured_at for reading in held]
        self._free = [True] * len(held)

    def claim(self, reading: Reading, same: Same) -> bool:
        """Let the nearest that is the same stand for it; False if there is none."""
        at = reading.measured_at
        near = range(bisect_left(self._times, at - WINDOW_MS), bisect_right(self._times, at + WINDOW_MS))
        found = [number for number in near if self._free[number] and same(self._held[number], reading)]
        if not found:
            return False
        self._free[min(found, key=lambda number: abs(self._times[number] - at))] = False
        return True


def _is_same_place(held: Reading, made: Reading) -> bool:
    """A log that lost its tail gives a place twice, but not to the same packet."""
    return held.at == made.at and held.packet_id == made.packet_id and held.counter == made.counter


def _is_same_packet(held: Reading, made: Reading) -> bool:
    facts = (held.packet_id, held.counter, held.measured_at, held.said)
    said = msgspec.structs.replace(made, values=made.said)  # corrections may have changed between the two
    return is_copy(Packet(*facts, native=held.format == NATIVE), said, made.packet_id)


def _has_same_number(held: Reading, made: Reading) -> bool:
    if held.counter is not None and made.counter is not None:
        return held.counter == made.counter
    return held.packet_id == made.packet_id is not None


def _at_free_time(reading: Reading, taken: set[int]) -> Reading:
    """Sensor and time are a reading's identity: it must not take the place of another packet."""
    time = reading.measured_at
    while time in taken:
        time += 1
    taken.add(time)
    return reading if time == reading.measured_at else msgspec.structs.replace(reading, measured_at=time)
