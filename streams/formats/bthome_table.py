"""Every object id of BTHome v2, from https://bthome.io/format: property, data type, factor, unit.

A value on the wire is little-endian; the property's value is the integer times the factor. Properties that share a
name with a yes/no twin (battery, power, gas, moisture) keep it for the number; the twin has a name of its own.
"""

from typing import NamedTuple


class ObjectType(NamedTuple):
    """What one object id stands for.

    `kind` is uintN or sintN (N bits), bool, or the name of one of the few shapes that are not a single number.
    `name` is the property's. `factor` is decimal text, so that its decimals are exact.
    """

    name: str
    kind: str
    factor: str = "1"
    unit: str = ""

    @property
    def decimals(self) -> int:
        """How many decimals a value has: 0.35 -> 2, 1 -> 0."""
        return len(self.factor.partition(".")[2])


OBJECT_TYPES: dict[int, ObjectType] = {
    0x00: ObjectType("packet_id", "uint8"),
    0x01: ObjectType("battery", "uint8", unit="%"),
    0x02: ObjectType("temperature", "sint16", "0.01", unit="°C"),
    0x03: ObjectType("humidity", "uint16", "0.01", unit="%"),
    0x04: ObjectType("pressure", "uint24", "0.01", unit="hPa"),
    0x05: ObjectType("illuminance", "uint24", "0.01", unit="lx"),
    0x06: ObjectType("mass_kg", "uint16", "0.01", unit="kg"),
    0x07: ObjectType("mass_lb", "uint16", "0.01", unit="lb"),
    0x08: ObjectType("dewpoint", "sint16", "0.01", unit="°C"),
    0x09: ObjectType("count", "uint8"),
    0x0A: ObjectType("energy", "uint24", "0.001", unit="kWh"),
    0x0B: ObjectType("power", "uint24", "0.01", unit="W"),
    0x0C: ObjectType("voltage", "uint16", "0.001", unit="V"),
    0x0D: ObjectType("pm2_5", "uint16", unit="µg/m³"),
    0x0E: ObjectType("pm10", "uint16", unit="µg/m³"),
    0x0F: ObjectType("generic_boolean", "bool"),
    0x10: ObjectType("power_binary", "bool"),
    0x11: ObjectType("opening", "bool"),
    0x12: ObjectType("co2", "uint16", unit="ppm"),
    0x13: ObjectType("tvoc", "uint16", unit="µg/m³"),
    0x14: ObjectType("moisture", "uint16", "0.01", unit="%"),
    0x15: ObjectType("battery_low", "bool"),
    0x16: ObjectType("battery_charging", "bool"),
    0x17: ObjectType("carbon_monoxide", "bool"),
    0x18: ObjectType("cold", "bool"),
    0x19: ObjectType("connectivity", "bool"),
    0x1A: ObjectType("door", "bool"),
    0x1B: ObjectType("garage_door", "bool"),
    0x1C: ObjectType("gas_binary", "bool"),
    0x1D: ObjectType("heat", "bool"),
    0x1E: ObjectType("light", "bool"),
    0x1F: ObjectType("lock", "bool"),
    0x20: ObjectType("moisture_binary", "bool"),
    0x21: ObjectType("motion", "bool"),
    0x22: ObjectType("moving", "bool"),
    0x23: ObjectType("occupancy", "bool"),
    0x24: ObjectType("plug", "bool"),
    0x25: ObjectType("presence", "bool"),
    0x26: ObjectType("problem", "bool"),
    0x27: ObjectType("running", "bool"),
    0x28: ObjectType("safety", "bool"),
    0x29: ObjectType("smoke", "bool"),
    0x2A: ObjectType("sound", "bool"),
    0x2B: ObjectType("tamper", "bool"),
    0x2C: ObjectType("vibration", "bool"),
    0x2D: ObjectType("window", "bool"),
    0x2E: ObjectType("humidity", "uint8", unit="%"),
    0x2F: ObjectType("moisture", "uint8", unit="%"),
    0x3A: ObjectType("button", "button"),
    0x3B: ObjectType("command", "command"),
    0x3C: ObjectType("dimmer", "dimmer"),
    0x3D: ObjectType("count", "uint16"),
    0x3E: ObjectType("count", "uint32"),
    0x3F: ObjectType("rotation", "sint16", "0.1", unit="°"),
    0x40: ObjectType("distance_mm", "uint16", unit="mm"),
    0x41: ObjectType("distance_m", "uint16", "0.1", unit="m"),
    0x42: ObjectType("duration", "uint24", "0.001", unit="s"),
    0x43: ObjectType("current", "uint16", "0.001", unit="A"),
    0x44: ObjectType("speed", "uint16", "0.01", unit="m/s"),
    0x45: ObjectType("temperature", "sint16", "0.1", unit="°C"),
    0x46: ObjectType("uv_index", "uint8", "0.1"),
    0x47: ObjectType("volume", "uint16", "0.1", unit="L"),
    0x48: ObjectType("volume_ml", "uint16", unit="mL"),
    0x49: ObjectType("volume_flow_rate", "uint16", "0.001", unit="m³/h"),
    0x4A: ObjectType("voltage", "uint16", "0.1", unit="V"),
    0x4B: ObjectType("gas", "uint24", "0.001", unit="m³"),
    0x4C: ObjectType("gas", "uint32", "0.001", unit="m³"),
    0x4D: ObjectType("energy", "uint32", "0.001", unit="kWh"),
    0x4E: ObjectType("volume", "uint32", "0.001", unit="L"),
    0x4F: ObjectType("water", "uint32", "0.001", unit="L"),
    0x50: ObjectType("timestamp", "uint32", unit="s"),
    0x51: ObjectType("acceleration", "uint16", "0.001", unit="m/s²"),
    0x52: ObjectType("gyroscope", "uint16", "0.001", unit="°/s"),
    0x53: ObjectType("text", "text"),
    0x54: ObjectType("raw", "raw"),
    0x55: ObjectType("volume_storage", "uint32", "0.001", unit="L"),
    0x56: ObjectType("conductivity", "uint16", unit="µS/cm"),
    0x57: ObjectType("temperature", "sint8", unit="°C"),
    0x58: ObjectType("temperature", "sint8", "0.35", unit="°C"),
    0x59: ObjectType("count", "sint8"),
    0x5A: ObjectType("count", "sint16"),
    0x5B: ObjectType("count", "sint32"),
    0x5C: ObjectType("power", "sint32", "0.01", unit="W"),
    0x5D: ObjectType("current", "sint16", "0.001", unit="A"),
    0x5E: ObjectType("direction", "uint16", "0.01", unit="°"),
    0x5F: ObjectType("precipitation", "uint16", "0.1", unit="mm"),
    0x60: ObjectType("channel", "uint8"),
    0x61: ObjectType("rotational_speed", "uint16", unit="rpm"),
    0x62: ObjectType("speed", "sint32", "0.000001", unit="m/s"),
    0x63: ObjectType("acceleration", "sint32", "0.000001", unit="m/s²"),
    0x64: ObjectType("light_level", "uint8"),
    0x65: ObjectType("settings_revision", "uint8"),
    0xF0: ObjectType("device_type_id", "uint16"),
    0xF1: ObjectType("firmware_version", "version4"),
    0xF2: ObjectType("firmware_version", "version3"),
}

# Codes of the event-like objects; None says that nothing happened to this button or wheel.
BUTTON_EVENTS: dict[int, str | None] = {
    0x00: None,
    0x01: "press",
    0x02: "double_press",
    0x03: "triple_press",
    0x04: "long_press",
    0x05: "long_double_press",
    0x06: "long_triple_press",
    0x80: "hold_press",
}
COMMANDS: dict[int, str | None] = {0x00: "off", 0x01: "on", 0x02: "toggle", 0x03: "step_up", 0x04: "step_down"}
DIMMER_EVENTS: dict[int, str | None] = {0x00: None, 0x01: "rotate_left", 0x02: "rotate_right"}

# The finest resolution that a property can have, whichever object carried it.
DECIMALS: dict[str, int] = {}
for _type in OBJECT_TYPES.values():
    DECIMALS[_type.name] = max(_type.decimals, DECIMALS.get(_type.name, 0))


def button_event(code: int) -> dict[str, object]:
    """A button object's value: `{"event": "press", "raw": 1}`; event is None for no press."""
    return {"event": BUTTON_EVENTS.get(code, "unknown"), "raw": code}


def dimmer_event(code: int, steps: int) -> dict[str, object]:
    """A dimmer object's value: `{"event": "rotate_left", "raw": 1, "steps": 3}`."""
    return {"event": DIMMER_EVENTS.get(code, "unknown"), "raw": code, "steps": steps}


def command_event(code: int, arguments: bytes) -> dict[str, object]:
    """A command object's value: `{"event": "step_up", "raw": 3, "args_hex": "05"}`."""
    return {"event": COMMANDS.get(code, "unknown"), "raw": code, "args_hex": arguments.hex()}
