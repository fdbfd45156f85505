"""Windows of event time: five minutes in state, final after 15 minutes, then part of their hour and day. Pure.

Exact whatever the order: sums are integers. A cell is a list, as it is touched for every quantity of every reading.
"""

from collections.abc import Iterator

import msgspec

from schemas.advertisement import Values
from schemas.aggregate import DAY, FIVE_MINUTES, HOUR, SECOND, WIDTHS, Aggregate
from schemas.reading import Reading

LATENESS_MS = 15 * 60_000
# An open window is published at most so often, in milliseconds of the stream's clock.
PUBLISHED_EVERY_MS = 30_000
# Flag of a reading that came when its window was final: history has it, the aggregates do not.
LATE_FOR_WINDOWS = "late_for_windows"

MICRO = 1_000_000
MAX_VALUE = (1 << 53) // MICRO  # larger than any BTHome number; what is not exact in micro-units is left out
MAX_CELLS = 2_048  # of one sensor: seven quantities of a day's backlog

# Numbers are in micro-units; the sum is in whole units and micro-units, so that no day of any values outgrows 64 bits.
# Times are milliseconds from the window's start. DIRTY: 1 if not yet published as it is.
COUNT, UNITS, MICROS, MIN, MAX, FIRST, FIRST_AT, LAST, LAST_AT, DIRTY = range(10)
Cell = list[int]
_WIDTHS_MS = tuple(width * SECOND for width in WIDTHS)
_FIVE_MS, _HOUR_MS, _DAY_MS = FIVE_MINUTES * SECOND, HOUR * SECOND, DAY * SECOND


class Windows(msgspec.Struct, array_like=True):
    """The open windows of one sensor. `published`: when it was last done, by the stream's clock.

    `cells`: "temperature", or "temperature|1" for the second in a packet -> for each width: window number -> cell.
    """

    published: int = 0
    cells: dict[str, list[dict[int, Cell]]] = {}


def numbers_of(values: Values, flags: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """Every plausible number of a reading, in micro-units. No switches, texts, events."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float, list)):
            continue
        if flags and f"implausible:{name}" in flags:
            continue
        if not isinstance(value, list):
            if -MAX_VALUE <= value <= MAX_VALUE:
                yield name, round(value * MICRO)
            continue
        for index, item in enumerate(value):
            if isinstance(item, (int, float)) and not isinstance(item, bool) and -MAX_VALUE <= item <= MAX_VALUE:
                yield (f"{name}|{index}" if index else name), round(item * MICRO)


def add(windows: Windows, reading: Reading, ticked: int) -> bool:
    """Take a reading in; False if it is late, or there is no room. One without a time of its own is left out.

    `ticked`: newest tick of the raw partition that it came through, unix milliseconds.
    """
    if reading.time_source == "unknown":
        return True
    if final_at(reading.measured_at) <= ticked:
        return False
    number, at = divmod(reading.measured_at, _FIVE_MS)
    for name, value in numbers_of(reading.values, reading.flags):
        widths = windows.cells.get(name)
        cell = widths[0].get(number) if widths else None
        if cell is not None:
            _merge(cell, (1, 0, value, value, value, value, at, value, at), 0)
        elif sum(len(cells) for each in windows.cells.values() for cells in each) < MAX_CELLS:
            units, micros = divmod(value, MICRO)
            if widths is None:
                widths = windows.cells[name] = [{}, {}, {}]
            widths[0][number] = [1, units, micros, value, value, value, at, value, at, 1]
        else:
            return False
    return True


def _merge(cell: Cell, more: Cell | tuple[int, ...], offset: int) -> None:
    """Add a cell that begins `offset` milliseconds after this one's start."""
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
    cell[DIRTY] = 1


def settle(sensor: str, windows: Windows, watermark: int, revision: int) -> list[Aggregate]:
    """What is to be published now that the stream has come so far; final windows go, into their hour and day."""
    found: list[Aggregate] = []
    may_publish = watermark >= windows.published + PUBLISHED_EVERY_MS
    for name, (fives, hours, days) in list(windows.cells.items()):
        quantity, _, index = name.partition("|")
        for width, cells in enumerate((fives, hours, days)):
            width_ms = _WIDTHS_MS[width]
            for number in sorted(cells):
                cell, end = cells[number], (number + 1) * width_ms
                final = end + LATENESS_MS <= watermark
                if not final and not (cell[DIRTY] and (may_publish or width or end <= watermark)):
                    continue
                found.append(_aggregate(sensor, quantity, int(index or 0), width, number, cell, revision, final))
                cell[DIRTY] = 0
                if not final:
                    windows.published = windows.published if width else watermark
                    continue
                del cells[number]
                if cells is fives:
                    _accumulate(hours, _HOUR_MS, number * _FIVE_MS, cell)
                    _accumulate(days, _DAY_MS, number * _FIVE_MS, cell)
        if not (fives or hours or days):
            del windows.cells[name]
    return found


def _accumulate(cells: dict[int, Cell], width_ms: int, start: int, cell: Cell) -> None:
    number, offset = divmod(start, width_ms)
    held = cells.get(number)
    if held is None:
        cells[number] = [*cell[:FIRST_AT], cell[FIRST_AT] + offset, cell[LAST], cell[LAST_AT] + offset, 1]
    else:
        _merge(held, cell, offset)


def wake(windows: Windows) -> int | None:
    """The watermark at which something is to be published or becomes final; None if nothing is open."""
    found = []
    for widths in windows.cells.values():
        for width_ms, cells in zip(_WIDTHS_MS, widths, strict=True):
            for number, cell in cells.items():
                end = (number + 1) * width_ms
                found.append(min(windows.published + PUBLISHED_EVERY_MS, end) if cell[DIRTY] else end + LATENESS_MS)
    return min(found, default=None)


def next_publication(windows: Windows, measured_at: int) -> int:
    """The watermark at which a reading of that time, added just now, is published at the latest."""
    return min(windows.published + PUBLISHED_EVERY_MS, measured_at - measured_at % _FIVE_MS + _FIVE_MS)


def final_at(measured_at: int) -> int:
    """The watermark at which the five-minute window of that time becomes final."""
    return measured_at - measured_at % _FIVE_MS + _FIVE_MS + LATENESS_MS


def _aggregate(
    sensor: str, quantity: str, index: int, width: int, number: int, cell: Cell, revision: int, final: bool
) -> Aggregate:
    start = number * _WIDTHS_MS[width]
    count = cell[COUNT]
    return Aggregate(
        sensor=sensor,
        quantity=quantity,
        index=index,
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
        revision=revision,
        final=final,
    )
