"""What a sensor said in a range of time: its readings, or windows of them."""

from typing import Literal

from pydantic import ConfigDict, Field, JsonValue

from api.responses.contract import GATEWAY, SENSOR, TIME, Contract
from api.responses.sensor import TIME_SOURCE
from schemas.advertisement import TimeSource


class Row(Contract):
    """One reading."""

    measured_at: str = Field(description="when it was measured, unique within the sensor", examples=[TIME])
    received_at: str = Field(description="when it arrived at the bridge", examples=[TIME])
    time_source: TimeSource = Field(description=TIME_SOURCE)
    values: dict[str, JsonValue] = Field(
        description="every property: temperature in °C, humidity and battery in %",
        examples=[{"temperature": 22.3, "humidity": 63, "battery": 100}],
    )
    measured: dict[str, JsonValue] = Field(
        description="what the sensor said of those values that the registry's offsets corrected",
        examples=[{"temperature": 22.6}],
    )
    gateway: str = Field(description="gateway that brought the first copy", examples=[GATEWAY])
    rssi: int | None = Field(description="signal strength in dBm", examples=[-66])
    packet_id: int | None = Field(description="BTHome packet id, 0..255", examples=[78])
    flags: list[str] = Field(description="what is remarkable about it")


class Summary(Contract):
    """What one quantity did in a window."""

    count: int = Field(description="values", examples=[5])
    min: float | None = Field(description="the least", examples=[21.9])
    max: float | None = Field(description="the greatest", examples=[22.4])
    mean: float | None = Field(description="their mean", examples=[22.16])
    first: float | None = Field(description="the first measured", examples=[22.4])
    last: float | None = Field(description="the last measured", examples=[21.9])


class WindowRow(Contract):
    """One window of time. A window without readings has no row."""

    start: str = Field(description="inclusive", examples=[TIME])
    end: str = Field(description="exclusive", examples=["2026-03-01T12:05:00.000Z"])
    final: bool = Field(description="false while late readings may still change it")
    quantities: dict[str, Summary] = Field(
        description="by quantity; further instances of one that packets repeat as `temperature[1]`"
    )


class SensorData(Contract):
    """A sensor's readings in a range of time."""

    model_config = ConfigDict(extra="forbid", validate_by_name=True)

    sensor: str = Field(description="MAC address, lower case with colons", examples=[SENSOR])
    start: str = Field(alias="from", description="inclusive", examples=[TIME])
    end: str = Field(alias="to", description="exclusive", examples=[TIME])
    step: Literal["raw"] = Field(description="every reading")
    source: Literal["readings"] = Field(description="what they were read from")
    data: list[Row] = Field(description="oldest first")


class AggregateData(Contract):
    """A sensor's windows in a range of time."""

    model_config = ConfigDict(extra="forbid", validate_by_name=True)

    sensor: str = Field(description="MAC address, lower case with colons", examples=[SENSOR])
    start: str = Field(alias="from", description="start of the first window, inclusive", examples=[TIME])
    end: str = Field(alias="to", description="exclusive", examples=[TIME])
    step: Literal["5m", "1h", "1d"] = Field(
        description="width of the windows; days are UTC. One that is not over may lack the last four minutes if it is "
        "of five minutes, of an hour the last 35, of a day the last 80"
    )
    source: Literal["aggregates 5m", "aggregates 1h", "aggregates 1d"] = Field(description="what they were read from")
    data: list[WindowRow] = Field(description="oldest first")
