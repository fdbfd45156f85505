"""Layouts: a sender nearly always sends the same object ids in the same places, so one `struct` reads them all.

Only packets of plain numbers with no property twice have a layout; the others are walked.
"""

from collections.abc import Callable
from fractions import Fraction
from struct import Struct
from typing import Any, NamedTuple

from schemas.advertisement import Values
from streams.formats.bthome_table import OBJECT_TYPES, ObjectType

# Bounds for hostile senders: a full list is forgotten and learnt again, so that they cannot keep the others out.
MAX_LENGTH = 64
MAX_PER_LENGTH = 8

_CODES = {
    "bool": "?",
    "uint8": "B",
    "sint8": "b",
    "uint16": "H",
    "sint16": "h",
    "uint24": "3s",  # struct has no such integer
    "uint32": "I",
    "sint32": "i",
}


# The bits of the device-info byte that decide how the rest is read: version, encrypted, MAC included.
_INFO_MASK = 0b1110_0011
_INFO_PLAIN = 0b0100_0000


class _Layout(NamedTuple):
    """`data & mask == ids`, both read as one little-endian integer: the object ids stand where they stood."""

    mask: int
    ids: int
    unpack: Callable[[bytes], tuple[Any, ...]]
    names: tuple[str, ...]
    wide: tuple[str, ...]
    scaled: tuple[tuple[str, int, int], ...]


class Layouts:
    """Bounded memory of the layouts seen, by length of the service data."""

    def __init__(self) -> None:
        self._by_length: list[list[_Layout]] = [[] for _ in range(MAX_LENGTH + 1)]

    def read(self, data: bytes) -> Values | None:
        """The values of plain service data whose layout is known, else None."""
        if len(data) > MAX_LENGTH:
            return None
        number = int.from_bytes(data, "little")
        for mask, ids, unpack, names, wide, scaled in self._by_length[len(data)]:
            if number & mask == ids:
                values: Values = dict(zip(names, unpack(data)))  # noqa: B905 - strict costs 10 % of the whole
                for name in wide:
                    values[name] = int.from_bytes(values[name], "little")
                for name, numerator, denominator in scaled:
                    values[name] = values[name] * numerator / denominator
                return values
        return None

    def learn(self, data: bytes) -> None:
        """Remember the layout of complete, valid service data, if it has one."""
        if len(data) > MAX_LENGTH or data[0] & _INFO_MASK != _INFO_PLAIN:
            return
        objects = _plain_objects(data)
        if objects is None:
            return
        known = self._by_length[len(data)]
        if len(known) >= MAX_PER_LENGTH:
            known.clear()
        known.append(_layout(data, objects))


def _plain_objects(data: bytes) -> list[tuple[int, ObjectType]] | None:
    """Where each object id stands and its type; None if some object is not a number or a property comes twice."""
    objects: list[tuple[int, ObjectType]] = []
    at = 1
    while at < len(data):
        object_type = OBJECT_TYPES[data[at]]
        if object_type.kind not in _CODES:
            return None
        objects.append((at, object_type))
        at += 1 + Struct("<" + _CODES[object_type.kind]).size
    names = {object_type.name for _, object_type in objects}
    return objects if len(names) == len(objects) else None


def _layout(data: bytes, objects: list[tuple[int, ObjectType]]) -> _Layout:
    types = [object_type for _, object_type in objects]
    mask = _INFO_MASK | sum(0xFF << (8 * at) for at, _ in objects)
    factors = ((t.name, *Fraction(t.factor).as_integer_ratio()) for t in types)
    return _Layout(
        mask=mask,
        ids=int.from_bytes(data, "little") & mask,
        unpack=Struct("<x" + "".join("x" + _CODES[t.kind] for t in types)).unpack,
        names=tuple(t.name for t in types),
        wide=tuple(t.name for t in types if t.kind == "uint24"),
        scaled=tuple(factor for factor in factors if factor[2] != 1),
    )
