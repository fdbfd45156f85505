"""The ledger: every packet that the MQTT broker acknowledged to its gateway, one JSON line each.

A packet is known by its sensor and its number; the number is in the packet itself, as BTHome's count of 32 bits.
"""

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

encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Packet).decode


def read_ledger(path: Path) -> Ledger:
    """The acknowledged packets; a packet that several gateways brought is there once."""
    lines = path.read_bytes().splitlines(keepends=True)
    packets = (_decode(line) for line in lines if line.endswith(b"\n"))
    return {packet.identity: packet for packet in packets}


def newest(ledger: Ledger) -> dict[str, Packet]:
    """Of every sensor the packet that it sent last."""
    found: dict[str, Packet] = {}
    for packet in ledger.values():
        if packet.sensor not in found or packet.number > found[packet.sensor].number:
            found[packet.sensor] = packet
    return found
