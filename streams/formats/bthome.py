"""BTHome v2 service data -> packet (https://bthome.io/format). The first byte is the device info, then objects.

`walk` is the definition: one object after the other. `decode` gives the same, faster, by layouts learnt on the way.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Any

import msgspec

from schemas.advertisement import Stopped, Values
from streams.formats.bthome_layout import Layouts
from streams.formats.bthome_table import OBJECT_TYPES, ObjectType, button_event, command_event, dimmer_event
from streams.formats.encryption import decrypt
from streams.formats.reasons import InvalidPacket

_VERSION = 2
_ENCRYPTED, _MAC_INCLUDED, _TRIGGER_BASED = 1, 2, 4

_PLAIN = bytes((_VERSION << 5,))

_layouts = Layouts()


class Packet(msgspec.Struct, frozen=True, gc=False):
    """What one packet says. A property that is repeated in it is a list, in order; an empty packet is legal.

    `stopped` says where decoding had to end; what came before it is in `values`. `counter` is there if encrypted.
    """

    version: int
    encrypted: bool
    trigger_based: bool
    values: Values
    stopped: Stopped | None = None
    counter: int | None = None


def decode(service_data: bytes, mac: str | None = None, key: bytes | None = None) -> Packet:
    """The packet in `service_data`, which begins at the device-info byte.

    `mac` (six bytes in hex, with or without colons) and `key` (16 bytes) are for encrypted packets only.
    Raises InvalidPacket; ValueError if an encrypted packet has its key but no MAC.
    """
    if not service_data:
        raise InvalidPacket("empty")
    info = service_data[0]
    if not info & _ENCRYPTED:
        values = _layouts.read(service_data)
        if values is not None:
            return Packet(_VERSION, False, bool(info & _TRIGGER_BASED), values)
    if info >> 5 != _VERSION:
        raise InvalidPacket("unsupported_version")
    body = service_data[1:]
    address: bytes | None = None
    if info & _MAC_INCLUDED:
        if len(body) < 6:
            raise InvalidPacket("too_short")
        address, body = body[5::-1], body[6:]
    counter = None
    if info & _ENCRYPTED:
        if address is None and mac is not None:
            address = _address(mac)
        body, counter = decrypt(body, info, address, key)
    plain = _PLAIN + body  # as it would be if nothing stood around its objects: the layouts are the same
    values = _layouts.read(plain)
    if values is not None:
        return Packet(_VERSION, counter is not None, bool(info & _TRIGGER_BASED), values, None, counter)
    objects, stopped = walk(body)
    if stopped is None:
        _layouts.learn(plain)
    return Packet(_VERSION, counter is not None, bool(info & _TRIGGER_BASED), collect(objects), stopped, counter)


@lru_cache(maxsize=4096)
def _address(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def walk(body: bytes) -> tuple[list[tuple[int, Any]], Stopped | None]:
    """The objects of a packet in order, as (object id, value), and where it had to stop.

    An object carries no length, so an unknown id ends the packet, and so does a value that is cut short.
    """
    objects: list[tuple[int, Any]] = []
    at, end = 0, len(body)
    while at < end:
        reader = _READERS[body[at]]
        if reader is None:
            return objects, Stopped("unknown_object_id", body[at:].hex())
        try:
            value, after = reader(body, at + 1)
        except IndexError:
            return objects, Stopped("truncated", body[at:].hex())
        objects.append((body[at], value))
        at = after
    return objects, None


def collect(objects: list[tuple[int, Any]]) -> Values:
    """Values by property; a property that comes again becomes a list in order."""
    values: Values = {}
    repeated = set()
    for object_id, value in objects:
        name = OBJECT_TYPES[object_id].name
        if name in repeated:
            values[name].append(value)
        elif name in values:
            values[name] = [values[name], value]
            repeated.add(name)
        else:
            values[name] = value
    return values


# A reader takes the body and where the value begins; it gives the value and where the next object begins.
# It raises IndexError if the body is too short.
_Reader = Callable[[bytes, int], tuple[Any, int]]


def _slice(body: bytes, at: int, size: int) -> bytes:
    if at + size > len(body):
        raise IndexError
    return body[at : at + size]


def _number(kind: str, factor: str) -> _Reader:
    size, signed = int(kind[4:]) // 8, kind.startswith("sint")
    # integers divided once: the float nearest to the decimal, as if rounded to the factor's decimals
    numerator, denominator = Fraction(factor).as_integer_ratio()

    def read(body: bytes, at: int) -> tuple[int | float, int]:
        raw = int.from_bytes(_slice(body, at, size), "little", signed=signed)
        return (raw if denominator == 1 else raw * numerator / denominator), at + size

    return read


def _version(size: int) -> _Reader:
    return lambda body, at: (".".join(map(str, reversed(_slice(body, at, size)))), at + size)


def _text(body: bytes, at: int) -> tuple[str, int]:
    return _slice(body, at + 1, body[at]).decode(errors="replace"), at + 1 + body[at]


def _raw(body: bytes, at: int) -> tuple[str, int]:
    return _slice(body, at + 1, body[at]).hex(), at + 1 + body[at]


def _command(body: bytes, at: int) -> tuple[dict[str, object], int]:
    size = body[at] & 0x1F
    return command_event(body[at + 1], _slice(body, at + 2, size)), at + 2 + size


_SHAPES: dict[str, _Reader] = {
    "bool": lambda body, at: (bool(body[at]), at + 1),
    "button": lambda body, at: (button_event(body[at]), at + 1),
    "dimmer": lambda body, at: (dimmer_event(body[at], body[at + 1]), at + 2),
    "command": _command,
    "text": _text,
    "raw": _raw,
    "version3": _version(3),
    "version4": _version(4),
}


def _reader(object_type: ObjectType | None) -> _Reader | None:
    if object_type is None:
        return None
    return _SHAPES.get(object_type.kind) or _number(object_type.kind, object_type.factor)


_READERS = [_reader(OBJECT_TYPES.get(object_id)) for object_id in range(256)]
