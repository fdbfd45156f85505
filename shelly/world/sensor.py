"""A sensor: measures its room a little wrong, counts its packets, encrypts them if it has a key."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from shelly.world.battery import Battery
from shelly.world.beacon import Beacon, encrypt, packet
from shelly.world.models import MODELS, Model, shown
from shelly.world.room import Climate

_TOO_WARM, _TOO_MOIST = 0.2, 1.8  # °C and %: what its element may be wrong by, and stays wrong by
_WARM_NOISE, _MOIST_NOISE = 0.03, 0.2


@dataclass(slots=True)
class Sensor:
    """One sensor; `key` (16 bytes) makes it encrypt. `number` packets were sent, `packet_id` is the next one's."""

    mac: str
    model: Model
    dice: Random
    battery: Battery
    packet_id: int
    key: bytes | None = None
    number: int = 0
    warm_by: float = field(init=False)
    moist_by: float = field(init=False)
    _counter: int = 0
    _clock_began: int = 0  # unix milliseconds: real sensors were captured with a counter in unix seconds

    def __post_init__(self) -> None:
        self.warm_by = self.dice.gauss(0, _TOO_WARM / 2)
        self.moist_by = self.dice.gauss(0, _TOO_MOIST / 2)

    def speak(self, at: int, climate: Climate, button: int | None = None) -> Beacon:
        """Its next packet, sent at that time (unix milliseconds). `button`: the code of a press."""
        temperature = round(climate.temperature + self.warm_by + self.dice.gauss(0, _WARM_NOISE), 1)
        humidity = round(climate.humidity + self.moist_by + self.dice.gauss(0, _MOIST_NOISE))
        values = dict(shown(self.model, at, self.battery.level(at), min(100, max(0, humidity)), temperature))
        if button is not None:
            values["button"] = button
        return self._beacon(at, values)

    def identify(self, at: int) -> Beacon:
        """Its packet of model and firmware, without a climate."""
        return self._beacon(at, self.model.identity)

    def _beacon(self, at: int, values: Mapping[str, Any]) -> Beacon:
        packet_id, number = self.packet_id, self.number
        self.packet_id, self.number = (packet_id + 1) % 256, number + 1
        data, counter = packet({"packet_id": packet_id, **values}, self.model.device_info), None
        if self.key:
            counter = self._counter = max(self._counter + 1, (at - self._clock_began) // 1000)
            data = encrypt(data, self.mac, self.key, counter=counter)
        return Beacon(self.mac, packet_id, at, values, data, number, counter)

    def change_battery(self, at: int) -> None:
        """Without power it forgets how far it had counted, and what time it is."""
        self.battery.change(at)
        self.packet_id, self._counter, self._clock_began = 0, 0, at


def make_sensor(
    seed: int,
    index: int,
    start: int,
    *,
    encrypted: bool = False,
    model: str = "SBHT-003C",
    battery: float = 100,
    drain: float = 0.15,
) -> Sensor:
    """The sensor that `seed` gives as number `index`, as it is at `start` (unix milliseconds)."""
    mac, dice = address(seed, index), Random(f"{seed}-sensor-{index}")
    key = hashlib.sha256(f"{seed}-key-{mac}".encode()).digest()[:16] if encrypted else None
    # packet ids move on with the start, so that a world started again does not repeat the last minute's
    packet_id = (dice.randrange(256) + start // 1000) % 256
    return Sensor(mac, MODELS[model], dice, Battery(battery, drain, start), packet_id, key)


def address(seed: int, index: int) -> str:
    """Of sensor number `index`; it carries the index, so no two are alike."""
    tail = f"{Random(f'{seed}-address-{index}').getrandbits(7) << 17 | index:06x}"
    return f"7c:c6:b6:{tail[:2]}:{tail[2:4]}:{tail[4:]}"
