"""Encryption counters: an older packet played back is refused, an honest late one and a new battery are not. Pure.

A verified packet that counts lower than the highest verified one is
- late, if its gateway measured it before the packet that set the highest: accepted;
- the sensor's own after a reset, if it is the RESET_PACKETS-th of a row that counts up, over at least RESET_MS of
  measured time, none of them a packet that is remembered: accepted, and the highest is from then on its counter;
- else a replay. Whoever recorded packets long ago and plays them back in order and at their pace is taken for a new
  battery: nothing in a packet tells the two apart.
"""

from typing import Literal

import msgspec

from schemas.advertisement import Advertisement

# A sensor speaks once a minute: its fifth packet comes about four minutes after the first. Half a minute of jitter.
RESET_PACKETS = 5
RESET_MS = 210_000

# Flag of the reading at which the counter was taken to begin anew.
COUNTER_RESET = "counter_reset"

Judgement = Literal["new", "late", "repeated", "reset", "refused"]


class Row(msgspec.Struct, array_like=True):
    """Refused packets that count up: when the first was measured (unix milliseconds), the newest counter, how many."""

    first_at: int
    counter: int
    packets: int


class Counters(msgspec.Struct, array_like=True):
    """The highest verified counter, when its packet was measured (unix milliseconds), and the row below it."""

    highest: int
    measured_at: int
    row: Row | None = None


def judge(held: Counters | None, advertisement: Advertisement, *, known: bool) -> tuple[Judgement, Counters | None]:
    """What to think of a verified packet that is no copy within its time, and the counters after it.

    `known`: a packet of this counter is remembered. `repeated`: it is the highest again, too late for a copy.
    """
    counter, measured_at = advertisement.counter, advertisement.measured_at
    if not advertisement.encrypted or counter is None:
        return "new", held
    if held is None or counter > held.highest:
        return "new", Counters(counter, measured_at)
    if counter == held.highest:
        return "repeated", held
    if advertisement.time_source == "gateway" and measured_at < held.measured_at:
        return ("refused" if known else "late"), held
    if known or advertisement.time_source == "unknown":
        return "refused", held
    row = _longer(held.row, counter, measured_at)
    if row.packets >= RESET_PACKETS and measured_at - row.first_at >= RESET_MS:
        return "reset", Counters(counter, measured_at)
    return "refused", Counters(held.highest, held.measured_at, row)


def _longer(row: Row | None, counter: int, measured_at: int) -> Row:
    """The row with the packet in it; a new one if the packet does not follow. A copy of its newest changes nothing."""
    if row is None or counter < row.counter or measured_at < row.first_at:
        return Row(measured_at, counter, 1)
    return row if counter == row.counter else Row(row.first_at, counter, row.packets + 1)
