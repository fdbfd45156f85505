"""The BLU H&T models and what their beacons hold."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from shelly.world.battery import LOW
from shelly.world.beacon import PERIODIC, TRIGGERED

_DARK_HOURS = (*range(7), *range(20, 24))  # o'clock, UTC


class Model(NamedTuple):
    """`model_id` is the one on the air, `device_info` the first byte of its plain packets.

    `display`: it has one, and tells of low battery and light too. `identity`: what it says of itself each hour.
    """

    model_id: int
    device_info: int
    display: bool = False
    identity: Mapping[str, Any] = {}


MODELS = {
    "SBHT-003C": Model(3, TRIGGERED),
    "SBHT-103C": Model(12, PERIODIC, display=True),
    "SBHT-203C": Model(17, TRIGGERED, identity={"device_type_id": 17, "firmware_version": ["1.1.9.0", "1.1.9"]}),
}


def shown(model: Model, at: int, battery: int, humidity: int, temperature: float) -> Mapping[str, float]:
    """The properties of a beacon at that time (unix milliseconds), in the order in which the packet has them."""
    if not model.display:
        return {"battery": battery, "humidity": humidity, "temperature": temperature}
    dark = at // 3_600_000 % 24 in _DARK_HOURS
    return {
        "battery": battery,
        "battery_low": int(battery < LOW),
        "light": int(not dark),
        "humidity": humidity,
        "temperature": temperature,
        "light_level": 0 if dark else 2,
    }
