"""Advertising data as it is on air: AD structures, each length | type | value (Bluetooth Core, vol. 3 part C, 11).

Looks for BTHome's service data, the device's name, and Shelly's manufacturer data, which names the model:
blocks of type | value with 01 flags (2 bytes), 0A MAC (6), 0B model id (2, little-endian).
"""

from collections.abc import Iterator
from typing import NamedTuple

_SHORT_NAME, _COMPLETE_NAME, _SERVICE_DATA_16, _MANUFACTURER = 0x08, 0x09, 0x16, 0xFF
_BTHOME_ON_AIR = b"\xd2\xfc"
_SHELLY_ON_AIR = b"\xa9\x0b"
_MODEL_ID = 0x0B
_BLOCK_SIZES = {0x01: 2, 0x0A: 6, _MODEL_ID: 2}


class Advertising(NamedTuple):
    """What was found; `service_data` begins at the device-info byte."""

    service_data: bytes | None
    local_name: str | None
    model_id: int | None


def read_advertising(advert: bytes, scan_response: bytes = b"") -> Advertising:
    """Advert and scan response together. Nothing raises: radio is full of garbage, which ends a packet's reading."""
    service_data = local_name = model_id = None
    for kind, value in (*_structures(advert), *_structures(scan_response)):
        if kind == _SERVICE_DATA_16 and value.startswith(_BTHOME_ON_AIR) and service_data is None:
            service_data = value[2:]
        elif kind == _COMPLETE_NAME or (kind == _SHORT_NAME and local_name is None):
            local_name = value.decode(errors="replace")
        elif kind == _MANUFACTURER and value.startswith(_SHELLY_ON_AIR):
            model_id = _model_id(value[2:])
    return Advertising(service_data, local_name, model_id)


def carries_bthome(advert: bytes, scan_response: bytes) -> bool:
    """A quick look, so that the phones and beacons of a neighbourhood cost little. False is certain, True is not."""
    return _BTHOME_ON_AIR in advert or _BTHOME_ON_AIR in scan_response


def _structures(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 1 < len(data):
        length = data[at]
        end = at + 1 + length
        if length == 0 or end > len(data):
            return
        yield data[at + 1], data[at + 2 : end]
        at = end


def _model_id(blocks: bytes) -> int | None:
    at = 0
    while at < len(blocks):
        kind = blocks[at]
        end = at + 1 + _BLOCK_SIZES.get(kind, len(blocks))  # the length of an unknown block is unknown
        if end > len(blocks):
            return None
        if kind == _MODEL_ID:
            return int.from_bytes(blocks[at + 1 : end], "little")
        at = end
    return None
