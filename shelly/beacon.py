"""What a BLU H&T says: one BTHome v2 packet a beacon, a pure function of (seed, sensor, number, time)."""

import hashlib
import math
from dataclasses import dataclass
from random import Random

from cryptography.hazmat.primitives.ciphers.aead import AESCCM

_PLAIN, _ENCRYPTED = b"\x44", b"\x45"  # device info: BTHome v2, trigger bit set as a real BLU H&T sets it
_UUID = bytes.fromhex("d2fc")
_DAY = 86_400_000


@dataclass(frozen=True, slots=True)
class Beacon:
    """One packet as the sensor sends it; `sent_at` (unix milliseconds) is its first copy's time."""

    sensor: str
    packet_id: int
    sent_at: int
    temperature: float
    humidity: int
    battery: int
    service_data: bytes

    @property
    def encrypted(self) -> bool:
        return bool(self.service_data[0] & 1)


@dataclass(frozen=True, slots=True)
class Sensor:
    """A sensor in a room of its own. `key` (16 bytes) makes it encrypt."""

    mac: str
    first_packet_id: int
    mean: float
    swing: float
    phase: float
    key: bytes | None = None

    def beacon(self, number: int, at: int) -> Beacon:
        """Its packet `number`, counted from its battery's start, sent at `at`."""
        dice = Random(f"{self.mac}-{at}")
        warmth = self.swing * math.sin(2 * math.pi * (at / _DAY + self.phase))
        temperature = round(self.mean + warmth + dice.gauss(0, 0.1), 1)
        humidity = min(95, max(15, round(50 - 4 * warmth + dice.gauss(0, 1))))
        packet_id = (self.first_packet_id + number) % 256
        battery = max(1, 100 - number // 5000)
        data = service_data(packet_id, battery, humidity, temperature)
        if self.key:
            # the counter that real sensors were captured with: unix seconds
            data = encrypt(data, self.mac, self.key, counter=at // 1000)
        return Beacon(self.mac, packet_id, at, temperature, humidity, battery, data)


def make_sensor(seed: int, index: int, *, encrypted: bool) -> Sensor:
    """The sensor that `seed` gives as number `index`; its address carries the index, so no two are alike."""
    dice = Random(f"{seed}-sensor-{index}")
    tail = f"{(dice.getrandbits(8) << 16 | index):06x}"
    mac = f"7c:c6:b6:{tail[:2]}:{tail[2:4]}:{tail[4:]}"
    key = hashlib.sha256(f"{seed}-key-{mac}".encode()).digest()[:16] if encrypted else None
    return Sensor(mac, dice.randrange(256), dice.uniform(17, 23), dice.uniform(0.5, 2.5), dice.random(), key)


def service_data(packet_id: int, battery: int, humidity: int, temperature: float) -> bytes:
    """A plain packet: device info, then objects 0x00, 0x01, 0x2E and 0x45 (signed, little-endian, 0.1 °C)."""
    tenths = round(temperature * 10).to_bytes(2, "little", signed=True)
    return _PLAIN + bytes([0x00, packet_id, 0x01, battery, 0x2E, humidity, 0x45]) + tenths


def encrypt(plain: bytes, mac: str, key: bytes, *, counter: int) -> bytes:
    """A plain packet as BTHome encrypts it: device info, ciphertext, counter, a check of 4 bytes (AES-128-CCM)."""
    count = (counter & 0xFFFFFFFF).to_bytes(4, "little")
    nonce = bytes.fromhex(mac.replace(":", "")) + _UUID + _ENCRYPTED + count
    sealed = AESCCM(key, tag_length=4).encrypt(nonce, plain[1:], None)
    return _ENCRYPTED + sealed[:-4] + count + sealed[-4:]
