"""Windows of event time: five minutes in state, final 15 to 19 minutes after it, then part of their hour and day. Pure.

Exact whatever the order: sums are integers. The packets that are remembered say what is in the five minutes; a cell is
made of them when it is published, and when it goes into its hour and day.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from schemas.advertisement import Values
from schemas.aggregate import DAY, FIVE_MINUTES, HOUR, SECOND, WIDTHS, Aggregate
from streams.packets import MEMORY_PACKETS, MICRO, NOTHING, Packets
from streams.properties import MAX_VALUE, STEPS

LATENESS_MS = 15 * 60_000
# An open window is published at most so often, in milliseconds of the stream's clock: in its middle and at its end.
PUBLISHED_EVERY_MS = 150_000
# How many five minutes an hour and a day are told again after: a quarter's, an hour's.
_TOLD_AFTER = (3, 12)
# Flag of a reading that came when its window was final: history has it, the aggregates do not.
LATE_FOR_WINDOWS = "late_for_windows"

NEVER = 1 << 60  # a time
MAX_CELLS = 2_048  # of one sensor: seven quantities of a day's backlog

# Numbers are in micro-units; the sum is in whole units and micro-units, so that no day of any values outgrows 64 bits.
# Times are milliseconds from the window's start.
COUNT, UNITS, MICROS, MIN, MAX, FIRST, FIRST_AT, LAST, LAST_AT = range(9)
Cell = list[int]
Cells = dict[str, Cell]  # "temperature", or "temperature|1" for the second in a packet -> cell
_WIDTHS_MS = tuple(width * SECOND for width in WIDTHS)
_FIVE_MS, _HOUR_MS, _DAY_MS = FIVE_MINUTES * SECOND, HOUR * SECOND, DAY * SECOND


class Windows(msgspec.Struct):
    """The open windows of one sensor. `published`: when it was last done, by the stream's clock.

    `open`: numbers of five-minute windows -> whether there is more to say than was published. What is in them the
    packets say; `forgotten` what packets said that are not remembered any more. `closed`: of hours and of days, what
    the final windows in them said. `encoded`: of forgotten and closed, until they change. `due`: what `wake` gave,
    None since `open`, `closed` or `published` changed otherwise than `note` does.
    """

    published: int = 0
    open: dict[int, bool] = {}
    forgotten: dict[int, Cells] = {}
    closed: tuple[dict[int, Cells], dict[int, Cells]] = msgspec.field(default_factory=lambda: ({}, {}))
    encoded: bytes | None = None
    due: int | None = None


def _numbers_of(values: Values, left_out: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """Every other plausible number of a packet, in micro-units. No switches, texts, events."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float, list)) or name in left_out:
            continue
        if name == "packet_id":
            continue
        if not isinstance(value, list):
            if -MAX_VALUE <= value <= MAX_VALUE:
                yield name, round(value * MICRO)
            continue
        for index, item in enumerate(value):
            if isinstance(item, (int, float)) and not isinstance(item, bool) and -MAX_VALUE <= item <= MAX_VALUE:
                yield (f"{name}|{index}" if index else name), round(item * MICRO)


def moved_by(values: Values, said: Values) -> dict[str, int]:
    """What corrections added to the numbers of a packet, in micro-units; `said` has those that were corrected."""
    right = dict(_numbers_of(values, ()))
    return {name: right[name] - number for name, number in _numbers_of(said, ())}


def takes(windows: Windows, packets: Packets, measured_at: int, ticked: int) -> bool:
    """Whether a reading of that time is not late, and there is room for it.

    `ticked`: newest tick of the raw partition that it came through, unix milliseconds.
    """
    if final_at(measured_at) <= ticked:
        return False
    return len(packets) < MEMORY_PACKETS or sum(map(len, windows.forgotten.values())) < MAX_CELLS


def note(windows: Windows, measured_at: int) -> None:
    """A packet of that time was remembered, which the windows take."""
    number = measured_at // _FIVE_MS
    windows.open[number] = True
    if windows.due is not None:
        windows.due = min(windows.due, _next_publication(windows, number))


def keep(windows: Windows, packets: Packets, count: int) -> None:
    """The first `count` packets are about to be forgotten: what they say of open windows must not be."""
    for number in {packets.measured_at[row] // _FIVE_MS for row in range(count)} & windows.open.keys():
        cells = windows.forgotten.setdefault(number, {})
        for name, cell in _said(packets, number, count).items():
            _take_in(cells, name, cell, 0)
        windows.encoded = None


def _content(windows: Windows, packets: Packets, number: int) -> Cells:
    """A five-minute window."""
    cells = _said(packets, number, len(packets))
    for name, cell in windows.forgotten.get(number, {}).items():
        _take_in(cells, name, cell, 0)
    return cells


def _said(packets: Packets, number: int, count: int) -> Cells:
    """What the first `count` packets say of a five-minute window."""
    times, left_out, start = packets.measured_at, packets.left_out, number * _FIVE_MS
    rows: Sequence[int] = range(count)
    if sorted(times) == times:  # so it is but for packets that a gateway held back
        rows = range(bisect_left(times, start, 0, count), bisect_left(times, start + _FIVE_MS, 0, count))
    else:
        when = times.__getitem__
        rows = sorted((row for row in rows if start <= times[row] < start + _FIVE_MS), key=when)
    whole = not any(times[row] in left_out for row in rows) if left_out else True
    if not whole:
        rows = [row for row in rows if left_out.get(times[row], ()) is not None]
    cells: Cells = {}
    for name, column in packets.numbers.items():
        told, found = rows, [*map(column.__getitem__, rows)]
        if not whole or NOTHING in found:
            told = [row for row in rows if column[row] != NOTHING and name not in (left_out.get(times[row]) or ())]
            found = [column[row] for row in told]
        if found:
            unit = MICRO // STEPS[name]
            if name in packets.moved:
                found = [number * unit + packets.moved[name][row] for number, row in zip(found, told, strict=True)]
                unit = 1
            cells[name] = [
                *(len(found), *divmod(sum(found) * unit, MICRO), min(found) * unit, max(found) * unit),
                *(found[0] * unit, times[told[0]] - start, found[-1] * unit, times[told[-1]] - start),
            ]
    for row in rows if packets.others else ():
        others, at = packets.others.get(times[row], {}), times[row] - start
        for name, value in _numbers_of(others, left_out.get(times[row]) or ()):
            if name in packets.moved:
                value += packets.moved[name][row]
            _take_in(cells, name, [1, *divmod(value, MICRO), value, value, value, at, value, at], 0)
    return cells


def _take_in(cells: Cells, name: str, more: Cell, offset: int) -> None:
    """Add a cell whose window begins `offset` milliseconds after the start of theirs."""
    cell = cells.get(name)
    if cell is None:
        cells[name] = [*more[:FIRST_AT], more[FIRST_AT] + offset, more[LAST], more[LAST_AT] + offset]
        return
    cell[COUNT] += more[COUNT]
    units, micros = divmod(cell[MICROS] + more[MICROS], MICRO)
    cell[UNITS] += more[UNITS] + units
    cell[MICROS] = micros
    cell[MIN] = min(cell[MIN], more[MIN])
    cell[MAX] = max(cell[MAX], more[MAX])
    if more[FIRST_AT] + offset < cell[FIRST_AT]:
        cell[FIRST], cell[FIRST_AT] = more[FIRST], more[FIRST_AT] + offset
    if more[LAST_AT] + offset > cell[LAST_AT]:
        cell[LAST], cell[LAST_AT] = more[LAST], more[LAST_AT] + offset


class Published(msgspec.Struct, frozen=True, gc=False):
    """A window to be published as it is now: of a quantity, its width's place among the widths, its number."""

    name: str
    width: int
    number: int
    cell: Cell
    revision: int
    final: bool


def settle(
    windows: Windows, packets: Packets, watermark: int, revision: int, turn: int = 0, *, waits: int = 0
) -> list[Published] | None:
    """What is to be published now that the stream has come so far; final windows go, into their hour and day.

    None if it was too early: nothing changed. An hour is told with the last five minutes of each quarter, a day with
    the last of each hour, and both when final. `turn`: how long after their last moment the windows of this sensor
    become final; `waits`: how long the next reading of the sensor is waited for to do all this; both in milliseconds.
    Who says nothing for that long has all published that it said.
    """
    found: list[Published] = []
    upto, before = watermark - waits, windows.published
    may_publish = upto >= before + PUBLISHED_EVERY_MS or (waits > 0 and upto >= _came_last(packets))
    grown: list[set[int]] = [set(), set()]
    # windows before these are over, and final
    closed_before = upto - LATENESS_MS - turn
    over, over_for_good = upto // _FIVE_MS, closed_before // _FIVE_MS
    due = sorted(
        number
        for number, more in windows.open.items()
        if number < over_for_good or (more and (may_publish or (number < over and before < (number + 1) * _FIVE_MS)))
    )
    for number in due:
        final = number < over_for_good
        cells = _content(windows, packets, number)
        found += [Published(name, 0, number, cell, revision, final) for name, cell in cells.items()]
        if not final:
            windows.open[number], windows.published = False, watermark
            continue
        del windows.open[number]
        windows.forgotten.pop(number, None)
        for place, (closed, width_ms) in enumerate(zip(windows.closed, _WIDTHS_MS[1:], strict=True)):
            wider, offset = divmod(number * _FIVE_MS, width_ms)
            if _is_last_of(_TOLD_AFTER[place], number, windows.open):
                grown[place].add(wider)
            for name, cell in cells.items():
                _take_in(closed.setdefault(wider, {}), name, cell, offset)
        windows.encoded = None
    for width, (closed, changed) in enumerate(zip(windows.closed, grown, strict=True), 1):
        over_for_good = closed_before // _WIDTHS_MS[width]
        for number in sorted(number for number in closed if number < over_for_good or number in changed):
            final, cells = number < over_for_good, closed[number]
            found += [Published(name, width, number, cell[:], revision, final) for name, cell in cells.items()]
            if final:
                del closed[number]
                windows.encoded = None
    if not due and not found:
        return None
    windows.due = None
    return found


def _came_last(packets: Packets) -> int:
    return packets.came_at(-1) if packets else 0


def _is_last_of(many: int, number: int, still_open: Iterable[int]) -> bool:
    """Whether no later window of the same so many is open, whose end would tell what this one adds as well."""
    end = number - number % many + many
    return not any(number < other < end for other in still_open)


def wake(windows: Windows, turn: int = 0) -> int:
    """The watermark at which something is to be published or becomes final; NEVER if nothing is open. `turn`: as in
    `settle`, always the same of a sensor."""
    if windows.due is None:
        final_after = LATENESS_MS + turn
        windows.due = NEVER
        for number, more in windows.open.items():
            final = (number + 1) * _FIVE_MS + final_after
            windows.due = min(windows.due, final, _next_publication(windows, number) if more else final)
        for width_ms, closed in zip(_WIDTHS_MS[1:], windows.closed, strict=True):
            for number in closed:
                windows.due = min(windows.due, (number + 1) * width_ms + final_after)
    return windows.due


def _next_publication(windows: Windows, number: int) -> int:
    """The watermark at which a window that has more to say is told: at its end, but for what comes after that."""
    end, soon = (number + 1) * _FIVE_MS, windows.published + PUBLISHED_EVERY_MS
    return min(end, soon) if windows.published < end else soon


def wake_silent(windows: Windows, packets: Packets) -> int:
    """The watermark from which a sensor that says nothing is waited for, should it have said more than was told."""
    return _came_last(packets) if True in windows.open.values() else NEVER


def final_at(measured_at: int) -> int:
    """The watermark from which on the five-minute window of that time takes no more; final it is a turn later."""
    return measured_at - measured_at % _FIVE_MS + _FIVE_MS + LATENESS_MS


def aggregate_of(sensor: str, published: Published) -> Aggregate:
    """The record of it."""
    width, cell = published.width, published.cell
    quantity, _, index = published.name.partition("|")
    start = published.number * _WIDTHS_MS[width]
    count = cell[COUNT]
    return Aggregate(
        sensor=sensor,
        quantity=quantity,
        index=int(index or 0),
        width=WIDTHS[width],
        start=start,
        count=count,
        min=cell[MIN] / MICRO,
        max=cell[MAX] / MICRO,
        # one division of integers, halves up: the same float for the same readings
        mean=((cell[UNITS] * MICRO + cell[MICROS]) * 2 + count) // (2 * count) / MICRO,
        first=cell[FIRST] / MICRO,
        first_at=start + cell[FIRST_AT],
        last=cell[LAST] / MICRO,
        last_at=start + cell[LAST_AT],
        revision=published.revision,
        final=published.final,
    )
