"""What `bluflow run` can be told: section `run` of bluflow.yaml, `SIMULATE` and `RUN_*` in the environment."""

from typing import ClassVar

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from runtime.settings import Settings


class RunSettings(Settings):
    """The embedded stack. `BROKER` and `MQTT`, when given, name real ones to use instead."""

    section: ClassVar[str] = "run"
    model_config = SettingsConfigDict(env_prefix="RUN_")

    kafka_port: int = Field(9092, ge=1, le=65535, description="port of the embedded Kafka-protocol broker")
    mqtt_port: int = Field(1883, ge=1, le=65535, description="port of the embedded MQTT broker")
    lan: str = Field(
        "", description="address of this machine on which gateways reach the embedded MQTT broker; empty: not at all"
    )
    mqtt_user: str = Field("bluflow", description="the user that gateways log in as when `lan` is set")
    simulate: bool = Field(True, validation_alias="SIMULATE", description="0 leaves the simulated sensors out")
    gateways: int = Field(3, ge=1, le=1000, description="simulated gateways")
    sensors: int = Field(12, ge=1, le=100_000, description="simulated sensors")
    interval: float = Field(60, ge=1, description="seconds between two beacons of a simulated sensor")
    replication: int = Field(
        1, ge=1, le=9, description="copies of each partition when topics are made on a real broker"
    )
    stop_seconds: float = Field(10, ge=0.1, description="how long a process may take to stop before it is killed")

    @property
    def embedded_kafka(self) -> bool:
        """Nobody named a broker to use."""
        return "broker" not in self.model_fields_set

    @property
    def broker_address(self) -> str:
        """host:port of the Kafka broker, the embedded one or that which was named."""
        return f"127.0.0.1:{self.kafka_port}" if self.embedded_kafka else self.broker

    @field_validator("mqtt_user")
    @classmethod
    def _user_is_a_word(cls, value: str) -> str:
        if not value.isidentifier():  # it is written as a bare key into the MQTT broker's configuration
            raise ValueError("must be letters, digits and _")
        return value
