"""What every process that speaks MQTT can be told: where the broker is, who we are, what we want to hear."""

import json
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from runtime.settings import Settings, host_port

_CLIENT_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def check_filter(text: str) -> str:
    """An MQTT topic filter as it came. Raises ValueError that says what is wrong with it."""
    levels = text.split("/")
    if not text or "\0" in text or len(text.encode()) > 65535:
        raise ValueError(f"{text[:40]!r} is no MQTT topic filter: it must have 1 to 65535 bytes and no NUL")
    if text.startswith("$share/"):
        raise ValueError(f"{text!r} is a shared subscription: MQTT 3.1.1 has none, and order would not hold")
    if "#" in text and ("#" in "".join(levels[:-1]) or levels[-1] != "#"):
        raise ValueError(f"{text!r} is no MQTT topic filter: '#' must be the whole last level")
    if any("+" in level and level != "+" for level in levels):
        raise ValueError(f"{text!r} is no MQTT topic filter: '+' must be a whole level")
    return text


class MqttSettings(Settings):
    """A process gives `client_id` its default. Durations in seconds."""

    mqtt: str = Field("127.0.0.1:1883", validation_alias="MQTT", description="MQTT broker, host:port")
    client_id: str = Field(description="names us at the MQTT broker; one of a name only")
    user: str | None = Field(None, description="MQTT user")
    password: SecretStr | None = Field(None, description="MQTT password; better: password_file")
    password_file: Path | None = Field(None, description="file that holds the MQTT password, read at each connect")
    ca_file: Path | None = Field(
        None, description="PEM file of the authority that signed the broker's key: turns TLS on"
    )
    keepalive_seconds: int = Field(30, ge=2, le=3600, description="MQTT keep-alive")

    @field_validator("mqtt")
    @classmethod
    def _mqtt_is_host_port(cls, value: str) -> str:
        host_port(value)
        return value

    @field_validator("client_id")
    @classmethod
    def _client_id_is_a_topic_level(cls, value: str) -> str:
        if not _CLIENT_ID.fullmatch(value):
            raise ValueError("must be 1 to 64 of A-Z a-z 0-9 _ . - (it is part of a topic)")
        return value

    @field_validator("password_file", "ca_file")
    @classmethod
    def _file_is_there(cls, value: Path | None) -> Path | None:
        if value is not None:
            try:
                value.open("rb").close()
            except OSError as error:
                raise ValueError(error.strerror) from None
        return value

    def secret(self) -> str | None:
        """The MQTT password, from its file if there is one. Raises OSError if the file cannot be read now."""
        if self.password_file is not None:
            return self.password_file.read_text().rstrip("\r\n")
        return self.password.get_secret_value() if self.password is not None else None


class SubscriberSettings(MqttSettings):
    """A process that can be told what it hears; it gives `subscriptions` their default."""

    subscriptions: Annotated[list[str], NoDecode] = Field(description="MQTT topic filters")

    @field_validator("subscriptions", mode="before")
    @classmethod
    def _list_from_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if not value.lstrip().startswith("["):
            return [part.strip() for part in value.split(",") if part.strip()]
        try:
            return json.loads(value)
        except json.JSONDecodeError as error:
            raise ValueError(f"not a JSON list: {error}") from None

    @field_validator("subscriptions")
    @classmethod
    def _filters_are_valid(cls, value: list[str]) -> list[str]:
        if not value:
            raise ValueError("at least one MQTT topic filter")
        return [check_filter(text) for text in value]
