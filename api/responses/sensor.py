"""A sensor as it is now."""

from pydantic import Field, JsonValue

from api.responses.contract import GATEWAY, SENSOR, TIME, Contract
from schemas.advertisement import RefusalReason, TimeSource
from schemas.freshness import Cause, Freshness

TIME_SOURCE = (
    "where measured_at comes from: gateway (the frame's own time), arrival (the frame had none that can be trusted), "
    "unknown (it waited in a queue and has no time of its own)"
)


class Value(Contract):
    """The newest value of one property."""

    value: JsonValue = Field(
        description="number, boolean, text or event; a list if the packet has it repeatedly", examples=[22.3]
    )
    unit: str | None = Field(description="unit of the number, null if it has none", examples=["°C"])
    measured_at: str = Field(description="when it was measured", examples=[TIME])


class Limits(Contract):
    """The range of a quantity that is in order, ends included; null is open."""

    low: float | None = Field(description="lowest value in order", examples=[2])
    high: float | None = Field(description="highest value in order", examples=[8])


class Reception(Contract):
    """How one gateway hears the sensor."""

    gateway: str = Field(description="the gateway's id", examples=[GATEWAY])
    rssi: int | None = Field(description="newest signal strength in dBm", examples=[-66])
    last_heard: str = Field(description="when it last heard the sensor", examples=[TIME])
    copies: int = Field(description="packets that it brought so far, duplicates too", examples=[412])


class Refused(Contract):
    """The sensor was heard, and not believed."""

    since: str = Field(description="when the first such packet came", examples=[TIME])
    times: int = Field(description="how many came since, copies too", examples=[12])
    reason: RefusalReason = Field(
        description="why: plaintext_refused (it has a bind key and did not encrypt), bindkey_missing (it encrypts, and "
        "has no key), mic_mismatch (its key is another one, or the packet was forged)"
    )


class Sensor(Contract):
    """One sensor as it is now. Members are null and `values` empty if nothing of it was ever read: it is registered and
    was not heard, or all of it was refused.
    """

    id: str = Field(description="MAC address, lower case with colons", examples=[SENSOR])
    name: str | None = Field(description="name from the registry, null if it has none", examples=["Fridge"])
    location: str = Field(
        description="where the registry says it is now, `site/floor/room` as far as they are given; else `unassigned`",
        examples=["Kitchen"],
    )
    room: str | None = Field(description="its room, null if nobody says", examples=["Kitchen"])
    floor: str | None = Field(description="the room's floor, null if nobody says", examples=["1"])
    site: str | None = Field(description="the house, plant or address, null if nobody says", examples=["Home"])
    claimed: bool = Field(description="whether the registry has it")
    freshness: Freshness = Field(
        description="by the silence since last_seen in expected intervals: fresh below 3, late from 3, stale from 5, "
        "lost from 60 on or if it was never heard"
    )
    cause: Cause | None = Field(
        description="whose fault it seems: sensor (silent though its gateways speak), gateway (all that heard it are "
        "silent too), pipeline (the stream is behind, nobody can know), clock (last seen in the future); null if none"
    )
    freshness_since: str | None = Field(description="when it became so; null if it was never heard", examples=[TIME])
    expected_interval_seconds: float = Field(description="how often it is expected to speak", examples=[60])
    last_seen: str | None = Field(
        description="when a live packet last arrived; null if none ever did. Late data never moves it", examples=[TIME]
    )
    age_seconds: float | None = Field(
        description="now - last_seen in seconds; not part of the ETag, so count on from last_seen", examples=[12.4]
    )
    measured_at: str | None = Field(description="when the newest reading was measured", examples=[TIME])
    time_source: TimeSource | None = Field(description=TIME_SOURCE)
    values: dict[str, Value] = Field(description="the newest value of every property")
    offsets: dict[str, float] = Field(
        description="what the registry now adds to what the sensor says, by quantity", examples=[{"temperature": -0.3}]
    )
    limits: dict[str, Limits] = Field(description="the registry's limits by quantity")
    out_of_limits: list[str] = Field(
        description="quantities whose newest value is not within its limits", examples=[["temperature"]]
    )
    battery: int | float | None = Field(description="battery level in percent, null if never sent", examples=[100])
    rssi: int | None = Field(description="signal strength of the newest reading in dBm", examples=[-66])
    gateway: str | None = Field(description="gateway that brought the newest reading", examples=[GATEWAY])
    packet_id: int | None = Field(description="BTHome packet id of the newest reading, 0..255", examples=[78])
    flags: list[str] = Field(description="what is remarkable about the newest reading")
    refused: Refused | None = Field(
        description="packets that were heard and not believed, and why; null if none were, a reading came since, or, "
        "of unencrypted ones, it has encrypted for a day"
    )


class Receptions(Contract):
    """Every gateway that hears a sensor."""

    receptions: list[Reception] = Field(description="newest first")


class SensorDetail(Sensor, Receptions):
    """One sensor as it is now, with every gateway that hears it."""


class Sensors(Contract):
    """Sensors, one page of them."""

    sensors: list[Sensor] = Field(description="sorted by id")
