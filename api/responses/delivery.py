"""What became of the packets that a sensor sent, hour by hour."""

from pydantic import ConfigDict, Field

from api.responses.contract import GATEWAY, SENSOR, TIME, Contract


class DeliveryCounts(Contract):
    """Packets of a sensor, and where they were lost."""

    expected: int = Field(description="sent, by the packet ids", examples=[60])
    heard: int = Field(description="of them heard by any gateway, each once", examples=[58])
    stored: int = Field(description="readings of that time that the history holds", examples=[58])
    lost_on_air: int = Field(description="expected - heard: no gateway brought them", examples=[2])
    lost_in_pipeline: int = Field(
        description="heard - stored, 0 at least: heard, and not in the history, or not there yet", examples=[0]
    )
    unknown_seconds: float = Field(
        description="for how long of that time ids cannot tell what was sent", examples=[0.0]
    )
    by_gateway: dict[str, int] = Field(
        description="packets that each gateway brought, by its identity", examples=[{GATEWAY: 58}]
    )


class DeliveryHour(DeliveryCounts):
    """One hour by the times at which its packets were measured."""

    start: str = Field(description="inclusive; an hour of UTC", examples=[TIME])
    final: bool = Field(description="false while a packet after a silence may still tell what was sent in it")


class SensorDelivery(Contract):
    """A sensor's packets in a range of time."""

    model_config = ConfigDict(extra="forbid", validate_by_name=True)

    sensor: str = Field(description="MAC address, lower case with colons", examples=[SENSOR])
    start: str = Field(alias="from", description="start of the first hour, inclusive", examples=[TIME])
    end: str = Field(alias="to", description="exclusive", examples=[TIME])
    totals: DeliveryCounts = Field(description="of the hours below")
    hours: list[DeliveryHour] = Field(
        description="oldest first. An hour is told 15 to 19 minutes after its end; one in which nothing was heard only "
        "if the ids of later packets tell of it"
    )
