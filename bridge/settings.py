"""The bridge's settings: section `bridge` of bluflow.yaml, `MQTT` and `BRIDGE_*` in the environment."""

from typing import Annotated, ClassVar

from pydantic import Field
from pydantic_settings import NoDecode, SettingsConfigDict

from runtime.mqtt_settings import SubscriberSettings

# What gateways and the scripts in use publish. A script that publishes under the bare MAC address needs `+` besides,
# which also brings every other topic of one level.
SHELLY_SUBSCRIPTIONS = [
    "+/events/rpc",
    "+/events/ble",
    "+/ble",
    "+/online",
    "+/status/#",
    "bluflow/+/rpc",
    "blegateway/+/sensor",
    "shelly-blu/events/+",
]


class BridgeSettings(SubscriberSettings):
    """Everything the bridge can be told. Durations in seconds, sizes in bytes."""

    section: ClassVar[str] = "bridge"
    model_config = SettingsConfigDict(env_prefix="BRIDGE_")

    client_id: str = Field("bluflow-bridge", description="names the session that the MQTT broker keeps for us")
    subscriptions: Annotated[list[str], NoDecode] = Field(
        SHELLY_SUBSCRIPTIONS, description="MQTT topic filters, comma-separated or a JSON list"
    )
    tick_seconds: float = Field(
        30.0, gt=0, description="the clock goes into every raw partition so often, or after 15,000 frames"
    )
    max_in_flight: int = Field(1000, ge=1, description="frames held until Kafka has them; then MQTT is not read")
    max_in_flight_bytes: int = Field(16 * 1024 * 1024, ge=1, description="the same bound in bytes")
    stop_seconds: float = Field(10.0, ge=0, description="how long a stop waits for Kafka to take what is in flight")
    port: int = Field(9101, ge=1, le=65535, description="port of /health/* and /metrics")
