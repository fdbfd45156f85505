"""The names of a sensor's gateways as its state writes them: short, as most end in an address.

`shellyplus2pm-b8d61a8b8634` is a prefix and six bytes; neighbours of one prefix share it.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby
from operator import itemgetter

Packed = list[tuple[str, bytes]]  # prefix, addresses one after the other; none: the prefix is the name

_ADDRESS = 6  # bytes
_split = re.compile(rf"(.*?)([0-9a-f]{{{2 * _ADDRESS}}})?", re.DOTALL).fullmatch


@lru_cache(maxsize=4096)
def pack(names: tuple[str, ...]) -> Packed:
    """The names in their order."""
    packed: Packed = []
    for prefix, parts in groupby(map(_parts, names), itemgetter(0)):
        addresses = [address for _, address in parts]
        if all(addresses):
            packed.append((prefix, b"".join(addresses)))
        else:
            packed += ((prefix, address) for address in addresses)
    return packed


def _parts(name: str) -> tuple[str, bytes]:
    found = _split(name)
    prefix, address = found.groups() if found else (name, None)
    return prefix, bytes.fromhex(address or "")


def unpack(packed: Iterable[tuple[str, bytes]]) -> tuple[str, ...]:
    """The names again."""
    names: list[str] = []
    for prefix, addresses in packed:
        places = range(0, len(addresses), _ADDRESS)
        names += (prefix + addresses[at : at + _ADDRESS].hex() for at in places) if addresses else (prefix,)
    return tuple(names)
