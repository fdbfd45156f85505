"""What a gateway's firmware says besides: 1.6.2 floods events named `*_update` and `*_measurement`."""

from random import Random
from typing import Any

from shelly.world.shapes.shape import Written, notify


def noise(gateway: str, at: int, dice: Random) -> Written:
    """One such message; `at` by the gateway's clock, unix milliseconds."""
    number, power = dice.randrange(2), round(dice.uniform(0, 60), 1)
    events: list[dict[str, Any]] = [
        {"component": f"switch:{number}", "id": number, "event": "power_update", "apower": power},
        {"component": f"switch:{number}", "id": number, "event": "energy_measurement", "aenergy": {"total": power * 9}},
        {"component": "sys", "event": "temperature_measurement", "tC": round(dice.uniform(40, 60), 1)},
        {"component": "wifi", "event": "rssi_update", "rssi": dice.randint(-80, -45)},
    ]
    ts = round(at / 1000, 2)
    if dice.random() < 0.3:
        status = {"id": number, "apower": power, "voltage": round(dice.uniform(225, 235), 1)}
        return notify(gateway, at, "NotifyStatus", {f"switch:{number}": status})
    chosen = [{**event, "ts": ts} for event in dice.sample(events, dice.randint(1, 3))]
    return notify(gateway, at, "NotifyEvent", {"events": chosen})
