"""The inventory's settings: section `inventory` of bluflow.yaml, `MQTT` and `INVENTORY_*` in the environment."""

from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from runtime.settings import Settings, host_port


class InventorySettings(Settings):
    """Everything the inventory can be told. Its MQTT user must read these filters, and publish on `<prefix>/rpc`."""

    section: ClassVar[str] = "inventory"
    model_config = SettingsConfigDict(env_prefix="INVENTORY_")

    mqtt: str = Field("127.0.0.1:1883", validation_alias="MQTT", description="MQTT broker, host:port")
    client_id: str = Field(
        "bluflow-inventory", min_length=1, max_length=64, description="names us at the MQTT broker; one of a name only"
    )
    user: str | None = Field(None, description="MQTT user")
    password: SecretStr | None = Field(None, description="MQTT password; better: password_file")
    password_file: Path | None = Field(None, description="file that holds the MQTT password, read at each connect")
    ca_file: Path | None = Field(
        None, description="PEM file of the authority that signed the broker's key: turns TLS on"
    )
    subscriptions: Annotated[list[str], NoDecode] = Field(
        ["+/events/rpc", "+/online", "bluflow/+/rpc"],
        min_length=1,
        description="MQTT topic filters of gateways' notifications and answers, comma-separated",
    )
    keepalive_seconds: int = Field(30, ge=2, le=3600, description="MQTT keep-alive")
    refresh_hours: float = Field(6, gt=0, le=24 * 365, description="how often every gateway is asked again")
    answer_seconds: float = Field(10, gt=0, le=600, description="how long a gateway may take to answer")
    port: int = Field(9104, ge=1, le=65535, description="port of /health/* and /metrics")

    @field_validator("mqtt")
    @classmethod
    def _mqtt_is_host_port(cls, value: str) -> str:
        host_port(value)
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

    @field_validator("subscriptions", mode="before")
    @classmethod
    def _list_from_text(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    def secret(self) -> str | None:
        """The MQTT password, from its file if there is one. Raises OSError if the file cannot be read now."""
        if self.password_file is not None:
            return self.password_file.read_text().rstrip("\r\n")
        return self.password.get_secret_value() if self.password is not None else None
