"""What Home Assistant's documentation allows in a device's discovery payload; any other member is refused.

https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
https://www.home-assistant.io/integrations/sensor.mqtt/#configuration-variables
https://www.home-assistant.io/integrations/sensor/#device-class
"""

from typing import Annotated, Literal

import msgspec

Word = Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9_-]+$")]
Topic = Annotated[str, msgspec.Meta(min_length=1, pattern=r"^[^+#\x00]+$")]


class _Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class Device(_Strict):
    """At least one identifier or connection is needed."""

    identifiers: Annotated[list[str], msgspec.Meta(min_length=1)]
    connections: list[tuple[str, str]] = []
    configuration_url: str = ""
    hw_version: str = ""
    manufacturer: str = ""
    model: str = ""
    model_id: str = ""
    name: str = ""
    serial_number: str = ""
    suggested_area: str = ""
    sw_version: str = ""
    via_device: str = ""


class Origin(_Strict):
    name: str
    sw_version: str = ""
    support_url: str = ""


class Availability(_Strict):
    topic: Topic
    payload_available: str = "online"
    payload_not_available: str = "offline"
    value_template: str = ""


class SensorEntity(_Strict):
    """`platform` and `unique_id` are required of an entity."""

    platform: Literal["sensor"]
    unique_id: Word
    state_topic: Topic
    name: str | None = None
    value_template: str = ""
    unit_of_measurement: str | None = None
    device_class: str | None = None
    state_class: Literal["measurement", "measurement_angle", "total", "total_increasing"] | None = None
    expire_after: Annotated[int, msgspec.Meta(ge=0)] = 0
    entity_category: Literal["config", "diagnostic"] | None = None
    enabled_by_default: bool = True
    force_update: bool = False
    icon: str = ""
    json_attributes_topic: Topic | None = None
    json_attributes_template: str = ""
    suggested_display_precision: int | None = None
    default_entity_id: str = ""
    qos: Literal[0, 1, 2] = 0


class Configuration(_Strict):
    """`device`, `origin` and `components` are required; the others are shared by the components."""

    device: Device
    origin: Origin
    components: Annotated[dict[Word, SensorEntity], msgspec.Meta(min_length=1)]
    availability: list[Availability] = []
    availability_mode: Literal["all", "any", "latest"] = "latest"
    state_topic: Topic | None = None
    command_topic: Topic | None = None
    encoding: str = "utf-8"
    qos: Literal[0, 1, 2] = 0


read = msgspec.json.Decoder(Configuration).decode

# Device class -> units that are documented for it, as far as our quantities have them.
UNITS: dict[str, set[str]] = {
    "battery": {"%"},
    "carbon_dioxide": {"ppm"},
    "conductivity": {"S/cm", "mS/cm", "µS/cm"},
    "current": {"A", "mA"},
    "distance": {"km", "m", "cm", "mm", "mi", "nmi", "yd", "in"},
    "duration": {"d", "h", "min", "s", "ms", "µs"},
    "energy": {"J", "kJ", "MJ", "GJ", "mWh", "Wh", "kWh", "MWh", "GWh", "TWh", "cal", "kcal", "Mcal", "Gcal"},
    "gas": {"L", "m³", "ft³", "CCF", "MCF"},
    "humidity": {"%"},
    "illuminance": {"lx"},
    "moisture": {"%"},
    "pm10": {"µg/m³"},
    "pm25": {"µg/m³"},
    "power": {"mW", "W", "kW", "MW", "GW", "TW"},
    "precipitation": {"cm", "in", "mm"},
    "pressure": {"cbar", "bar", "hPa", "mmHg", "inHg", "inH₂O", "kPa", "mbar", "Pa", "psi", "mPa"},
    "signal_strength": {"dB", "dBm"},
    "speed": {"ft/s", "in/d", "in/h", "in/s", "km/h", "kn", "m/s", "mph", "mm/d", "mm/s"},
    "temperature": {"°C", "°F", "K"},
    "volatile_organic_compounds": {"µg/m³", "mg/m³"},
    "voltage": {"V", "mV", "µV", "kV", "MV"},
    "volume_flow_rate": {"m³/h", "m³/min", "m³/s", "ft³/min", "L/h", "L/min", "L/s", "gal/min", "mL/s"},
    "volume_storage": {"L", "mL", "gal", "fl. oz.", "m³", "ft³", "CCF", "MCF"},
    "water": {"L", "gal", "m³", "ft³", "CCF", "MCF"},
    "weight": {"kg", "g", "mg", "µg", "oz", "lb", "st"},
}
# These add up: a mere measurement of them is refused.
TOTALS = {"energy", "gas", "water"}
