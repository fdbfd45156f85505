"""What a BLU sensor says: one BTHome v2 packet, plain or encrypted (https://bthome.io/format)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESCCM

TRIGGERED, PERIODIC = 0x44, 0x40  # device info: BTHome v2; a real BLU H&T has the trigger bit set
_ENCRYPTED = 0x01
_UUID = bytes.fromhex("d2fc")
# Property -> object id, bytes, steps in one unit. In a packet the ids go up.
_OBJECTS = {
    "packet_id": (0x00, 1, 1),
    "battery": (0x01, 1, 1),
    "battery_low": (0x15, 1, 1),
    "light": (0x1E, 1, 1),
    "humidity": (0x2E, 1, 1),
    "button": (0x3A, 1, 1),
    "temperature": (0x45, 2, 10),
    "light_level": (0x64, 1, 1),
    "device_type_id": (0xF0, 2, 1),
}
_FIRMWARE = "firmware_version"  # as texts, once in four parts and once in three
_FIRMWARE_IDS = {4: 0xF1, 3: 0xF2}
OBJECT_IDS = {name: object_id for name, (object_id, _, _) in _OBJECTS.items()} | {_FIRMWARE: _FIRMWARE_IDS[4]}


@dataclass(frozen=True, slots=True)
class Beacon:
    """One packet as the sensor sends it; `sent_at` (unix milliseconds) is its first copy's time.

    `values`: property -> value as it went over the air, without the packet id, in the packet's order. `number` counts
    the sensor's packets and never wraps. `counter` is the encryption's, None for a plain packet.
    """

    sensor: str
    packet_id: int
    sent_at: int
    values: Mapping[str, Any] = field(hash=False)
    service_data: bytes
    number: int = 0
    counter: int | None = None

    @property
    def encrypted(self) -> bool:
        return bool(self.service_data[0] & _ENCRYPTED)


def service_data(packet_id: int, battery: int, humidity: int, temperature: float) -> bytes:
    """The usual plain packet: device info, then objects 0x00, 0x01, 0x2E and 0x45."""
    return packet({"packet_id": packet_id, "battery": battery, "humidity": humidity, "temperature": temperature})


def packet(values: Mapping[str, Any], device_info: int = TRIGGERED) -> bytes:
    """A plain packet of these properties: little-endian objects behind the device info, in order of their ids."""
    data = bytes([device_info])
    for name in sorted(values, key=OBJECT_IDS.__getitem__):
        if name == _FIRMWARE:
            for parts in (version.split(".") for version in values[name]):
                data += bytes([_FIRMWARE_IDS[len(parts)], *map(int, reversed(parts))])
            continue
        object_id, length, steps = _OBJECTS[name]
        signed = name == "temperature"
        data += bytes([object_id]) + round(values[name] * steps).to_bytes(length, "little", signed=signed)
    return data


def encrypt(plain: bytes, mac: str, key: bytes, *, counter: int) -> bytes:
    """A plain packet as BTHome encrypts it: device info, ciphertext, counter, a check of 4 bytes (AES-128-CCM)."""
    count = (counter & 0xFFFFFFFF).to_bytes(4, "little")
    device_info = bytes([plain[0] | _ENCRYPTED])
    nonce = bytes.fromhex(mac.replace(":", "")) + _UUID + device_info + count
    sealed = AESCCM(key, tag_length=4).encrypt(nonce, plain[1:], None)
    return device_info + sealed[:-4] + count + sealed[-4:]
