"""The cells of windows as a state writes them. They change once in five minutes, so their bytes are kept meanwhile."""

from collections.abc import Sequence
from math import gcd
from typing import Any

import msgspec

from streams.packets import MICRO
from streams.properties import NAMES, NUMBERS
from streams.windows import Windows

_MAX_EXPONENT = 6

# A group: width (0 five minutes, 1 hour, 2 day), number of the window, count, first and last time, and for each cell
# with these: its name, minimum, and above it maximum, first, last, mean times count. Its numbers are in 10^k
# micro-units. A name is its property's number * 8 + k; or the name itself, and k is 0.
_Group = list[Any]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[_Group]).decode


def dump_cells(windows: Windows) -> bytes:
    """Of what is forgotten and closed."""
    groups: dict[tuple[int, ...], _Group] = {}
    for width, by_number in enumerate((windows.forgotten, *windows.closed)):
        for number, cells in by_number.items():
            for name, (count, units, micros, least, most, first, first_at, last, last_at) in cells.items():
                key = (width, number, count, first_at, last_at)
                group = groups.setdefault(key, list(key))
                total = units * MICRO + micros
                code, unit = _code(name, (total, least, most, first, last))
                least //= unit
                group += (code, least, most // unit - least, first // unit - least, last // unit - least)
                group.append(total // unit - least * count)
    return _encode(list(groups.values()))


def load_cells(encoded: bytes, windows: Windows) -> None:
    """Into new windows; `encoded` stays with them."""
    windows.encoded = encoded
    for group in _decode(encoded):
        (width, number, count, first_at, last_at), rest = group[:5], iter(group[5:])
        cells = (windows.forgotten, *windows.closed)[width].setdefault(number, {})
        for code, least, most, first, last, total in zip(rest, rest, rest, rest, rest, rest, strict=True):
            name, unit = _meaning(code)
            units, micros = divmod((total + least * count) * unit, MICRO)
            numbers = ((most + least) * unit, (first + least) * unit, first_at, (last + least) * unit, last_at)
            cells[name] = [count, units, micros, least * unit, *numbers]


def _code(name: str, numbers: Sequence[int]) -> tuple[int | str, int]:
    """How a cell's name is written, and the unit that its numbers are in."""
    number = NUMBERS.get(name)
    if number is None:
        return name, 1
    exponent, common = 0, gcd(*numbers)
    while exponent < _MAX_EXPONENT and common % 10 ** (exponent + 1) == 0:
        exponent += 1
    return number * 8 + exponent, 10**exponent


def _meaning(code: int | str) -> tuple[str, int]:
    """The name and the unit that a code stands for."""
    return (code, 1) if isinstance(code, str) else (NAMES[code // 8], 10 ** (code % 8))
