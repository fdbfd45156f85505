"""The HTTP contract: what the API answers. Times are RFC 3339 in UTC with milliseconds."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from schemas.advertisement import TimeSource

_TIME = "2026-03-01T12:00:00.000Z"
_SENSOR = "7c:c6:b6:bd:4c:b5"

_TIME_SOURCE = (
    "where measured_at comes from: gateway (the frame's own time), arrival (the frame had none that can be trusted), "
    "unknown (it waited in a queue and has no time of its own)"
)


class Contract(BaseModel):
    """A model of the contract. A number that is not finite is written as null: JSON has no NaN."""

    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="null")


class Value(Contract):
    """The newest value of one property."""

    value: JsonValue = Field(
        description="number, boolean, text or event; a list if the packet has it repeatedly", examples=[22.3]
    )
    unit: str | None = Field(description="unit of the number, null if it has none", examples=["°C"])
    measured_at: str = Field(description="when it was measured", examples=[_TIME])


class Reception(Contract):
    """How one gateway hears the sensor."""

    gateway: str = Field(description="the gateway's id", examples=["shellypro2-0cb815fcaff4"])
    rssi: int | None = Field(description="newest signal strength in dBm", examples=[-66])
    last_heard: str = Field(description="when it last heard the sensor", examples=[_TIME])
    copies: int = Field(description="packets that it brought so far, duplicates too", examples=[412])


class Sensor(Contract):
    """One sensor as it is now."""

    id: str = Field(description="MAC address, lower case with colons", examples=[_SENSOR])
    name: str | None = Field(description="name from the registry, null if it has none")
    location: str = Field(description="location from the registry", examples=["unassigned"])
    last_seen: str | None = Field(
        description="when a live packet last arrived; null if none ever did. Late data never moves it", examples=[_TIME]
    )
    age_seconds: float | None = Field(description="now - last_seen in seconds", examples=[12.4])
    measured_at: str = Field(description="when the newest reading was measured", examples=[_TIME])
    time_source: TimeSource = Field(description=_TIME_SOURCE)
    values: dict[str, Value] = Field(description="the newest value of every property")
    battery: int | float | None = Field(description="battery level in percent, null if never sent", examples=[100])
    rssi: int | None = Field(description="signal strength of the newest reading in dBm", examples=[-66])
    gateway: str = Field(description="gateway that brought the newest reading", examples=["shellypro2-0cb815fcaff4"])
    packet_id: int | None = Field(description="BTHome packet id of the newest reading, 0..255", examples=[78])
    flags: list[str] = Field(description="what is remarkable about the newest reading")


class SensorDetail(Sensor):
    """One sensor as it is now, with every gateway that hears it."""

    receptions: list[Reception] = Field(description="the gateways that hear it, newest first")


class Sensors(Contract):
    """Every sensor that is known."""

    sensors: list[Sensor] = Field(description="sorted by id")


class Row(Contract):
    """One reading."""

    measured_at: str = Field(description="when it was measured, unique within the sensor", examples=[_TIME])
    received_at: str = Field(description="when it arrived at the bridge", examples=[_TIME])
    time_source: TimeSource = Field(description=_TIME_SOURCE)
    values: dict[str, JsonValue] = Field(
        description="every property: temperature in °C, humidity and battery in %",
        examples=[{"temperature": 22.3, "humidity": 63, "battery": 100}],
    )
    gateway: str = Field(description="gateway that brought the first copy", examples=["shellypro2-0cb815fcaff4"])
    rssi: int | None = Field(description="signal strength in dBm", examples=[-66])
    packet_id: int | None = Field(description="BTHome packet id, 0..255", examples=[78])
    flags: list[str] = Field(description="what is remarkable about it")


class SensorData(Contract):
    """A sensor's readings in a range of time."""

    model_config = ConfigDict(extra="forbid", validate_by_name=True)

    sensor: str = Field(description="MAC address, lower case with colons", examples=[_SENSOR])
    start: str = Field(alias="from", description="inclusive", examples=[_TIME])
    end: str = Field(alias="to", description="exclusive", examples=[_TIME])
    data: list[Row] = Field(description="oldest first")


class Health(Contract):
    """All is well; anything else is a problem with status 503."""

    status: Literal["ok"] = "ok"
