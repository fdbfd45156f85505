"""Settings: section `homeassistant` of bluflow.yaml, `MQTT` and `HOMEASSISTANT_*` in the environment."""

import re
from typing import ClassVar

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from runtime.mqtt_settings import MqttSettings
from schemas.home_assistant import PREFIX

_PREFIX = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")


class HomeAssistantSettings(MqttSettings):
    """What is told to Home Assistant, and over which MQTT broker."""

    section: ClassVar[str] = "homeassistant"
    model_config = SettingsConfigDict(env_prefix="HOMEASSISTANT_")

    enabled: bool = Field(False, description="1: `bluflow run` tells Home Assistant of every sensor, by MQTT discovery")
    client_id: str = Field("bluflow-homeassistant", description="names us at the MQTT broker; one of a name only")
    prefix: str = Field(PREFIX, description="Home Assistant's discovery prefix, which begins its MQTT topics")
    claimed_only: bool = Field(False, description="1: only sensors that stand in the sensors file are told")
    port: int = Field(9105, ge=1, le=65535, description="port of /health/* and /metrics")

    @field_validator("prefix")
    @classmethod
    def _prefix_is_of_a_topic(cls, value: str) -> str:
        if not _PREFIX.fullmatch(value):
            raise ValueError("must be levels of A-Z a-z 0-9 _ - with a slash between them")
        return value
