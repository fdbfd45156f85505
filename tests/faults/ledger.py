"""The ledger: every packet that the MQTT broker acknowledged to its gateway, one JSON line each.

A packet is known by its sensor and its number; the number is in the packet itself, as BTHome's count of 32 bits.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

Identity = tuple[str, int]  # sensor, number


class Packet(NamedTuple):
    """What a sensor said. `sent_at` in unix milliseconds, by the true clock, whatever the gateway's clock says."""

    sensor: str
    number: int
    packet_id: int
    sent_at: int
    temperature: float
    humidity: int
    battery: int

    @property
    def identity(self) -> Identity:
        return self.sensor, self.number

    @property
    def values(self) -> dict[str, float]:
        """What a reading of it must hold."""
        return {
            "battery": self.battery,
            "count": self.number,
            "humidity": self.humidity,
            "temperature": self.temperature,
        }


Ledger = dict[Identity, Packet]

_encode_lines = msgspec.json.Encoder().encode_lines
_decode = msgspec.json.Decoder(Packet).decode


def lines(packets: Iterable[Packet]) -> bytes:
    """As they stand in the file."""
    return _encode_lines(packets)


class LedgerFile:
    """Reads a ledger that is being written: each look reads what is new."""

    def __init__(self, path: Path) -> None:
        self._path, self._at = path, 0
        self._ledger: Ledger = {}
        self._newest: dict[str, Packet] = {}

    def packets(self) -> Ledger:
        """The acknowledged packets so far; one that several gateways brought is there once."""
        with self._path.open("rb") as file:
            file.seek(self._at)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # it is being written
                self._at += len(line)
                packet = _decode(line)
                self._ledger[packet.identity] = packet
                note_newest(self._newest, packet)
        return self._ledger

    def newest(self) -> dict[str, Packet]:
        """Of every sensor the packet that it sent last."""
        self.packets()
        return self._newest


def newest(ledger: Ledger) -> dict[str, Packet]:
    """Of every sensor the packet that it sent last."""
    found: dict[str, Packet] = {}
    for packet in ledger.values():
        note_newest(found, packet)
    return found


def note_newest(found: dict[str, Packet], packet: Packet) -> None:
    """Keep the packet if its sensor has not said a later one."""
    if packet.sensor not in found or packet.number > found[packet.sensor].number:
        found[packet.sensor] = packet
