"""What a BTHome property is called in Home Assistant (https://www.home-assistant.io/integrations/sensor/#device-class).

Its unit is the one that `api.units` knows; each is one that Home Assistant allows with the device class.
"""

from typing import Literal, NamedTuple

from api.units import UNITS


class Quantity(NamedTuple):
    """`device_class` None: a plain number. `diagnostic`: of the sensor itself, not of what it measures."""

    device_class: str | None = None
    state_class: Literal["measurement", "total_increasing"] = "measurement"
    diagnostic: bool = False


_KNOWN = {
    "battery": Quantity("battery", diagnostic=True),
    "co2": Quantity("carbon_dioxide"),
    "conductivity": Quantity("conductivity"),
    "current": Quantity("current"),
    "dewpoint": Quantity("temperature"),
    "distance_m": Quantity("distance"),
    "distance_mm": Quantity("distance"),
    "duration": Quantity("duration"),
    "energy": Quantity("energy", "total_increasing"),
    "gas": Quantity("gas", "total_increasing"),
    "humidity": Quantity("humidity"),
    "illuminance": Quantity("illuminance"),
    "mass_kg": Quantity("weight"),
    "mass_lb": Quantity("weight"),
    "moisture": Quantity("moisture"),
    "pm10": Quantity("pm10"),
    "pm2_5": Quantity("pm25"),
    "power": Quantity("power"),
    "precipitation": Quantity("precipitation"),
    "pressure": Quantity("pressure"),
    "speed": Quantity("speed"),
    "temperature": Quantity("temperature"),
    "tvoc": Quantity("volatile_organic_compounds"),
    "voltage": Quantity("voltage", diagnostic=True),
    "volume_flow_rate": Quantity("volume_flow_rate"),
    "volume_storage": Quantity("volume_storage"),
    "water": Quantity("water", "total_increasing"),
}
# Texts, events and booleans have no unit, and are not told.
QUANTITIES = {name: _KNOWN.get(name, Quantity()) for name in UNITS if name != "timestamp"}
