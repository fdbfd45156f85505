"""The inventory's settings: section `inventory` of bluflow.yaml, `MQTT` and `INVENTORY_*` in the environment."""

from typing import Annotated, ClassVar

from pydantic import Field
from pydantic_settings import NoDecode, SettingsConfigDict

from runtime.mqtt_settings import SubscriberSettings


class InventorySettings(SubscriberSettings):
    """Everything the inventory can be told. Its MQTT user must read these filters, and publish on `<prefix>/rpc`."""

    section: ClassVar[str] = "inventory"
    model_config = SettingsConfigDict(env_prefix="INVENTORY_")

    client_id: str = Field("bluflow-inventory", description="names us at the MQTT broker; one of a name only")
    subscriptions: Annotated[list[str], NoDecode] = Field(
        ["+/events/rpc", "+/online", "bluflow/+/rpc"],
        description="MQTT topic filters of gateways' notifications and answers, comma-separated or a JSON list",
    )
    refresh_hours: float = Field(6, gt=0, le=24 * 365, description="how often every gateway is asked again")
    answer_seconds: float = Field(10, gt=0, le=600, description="how long a gateway may take to answer")
    port: int = Field(9104, ge=1, le=65535, description="port of /health/* and /metrics")
