"""One typed schema for all settings: `bluflow.yaml`, overridden by the environment.

A process declares its own section as a subclass of `Settings`; what is common stands here. In the YAML file the
common names are at the top level and a process's own under its section's name.
"""

import os
import sys
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import yaml
from pydantic import Field, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

CONFIG_VARIABLE = "BLUFLOW_CONFIG"


class SettingsError(Exception):
    """A setting that cannot be used; the text is one line that says which and why."""


def host_port(text: str) -> tuple[str, int]:
    """`host:port` -> (host, port). Raises ValueError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is not host:port")
    return host.strip("[]"), int(port)


class YamlSource(PydanticBaseSettingsSource):
    """The part of `bluflow.yaml` that belongs to one settings class."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        raise NotImplementedError  # pydantic-settings asks for it; we answer for all fields at once below

    def __call__(self) -> dict[str, Any]:
        path = Path(os.environ.get(CONFIG_VARIABLE, "bluflow.yaml"))
        if not path.exists():
            if CONFIG_VARIABLE in os.environ:
                raise SettingsError(f"{path}: no such file (named by {CONFIG_VARIABLE})")
            return {}
        try:
            tree = yaml.safe_load(path.read_text()) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise SettingsError(f"{path}: {' '.join(str(error).split())}") from None
        section = getattr(self.settings_cls, "section", "")
        own = tree.get(section) if isinstance(tree, dict) else None
        if not isinstance(tree, dict) or not isinstance(own or {}, dict):
            raise SettingsError(f"{path}: settings must be names with values")
        known = {name: value for name, value in tree.items() if name in Settings.model_fields}
        return {self._key(name): value for name, value in {**known, **(own or {})}.items()}

    def _key(self, name: str) -> str:
        """The key that the environment uses for the field: under another, both would count, as two fields."""
        field = self.settings_cls.model_fields.get(name)
        return field.validation_alias if field and isinstance(field.validation_alias, str) else name


class Settings(BaseSettings):
    """What all processes share. The environment's names are `BROKER` and `BLUFLOW_*`."""

    section: ClassVar[str] = ""
    model_config = SettingsConfigDict(extra="forbid", validate_by_name=True, validate_by_alias=True)

    broker: str = Field(
        "127.0.0.1:9092", validation_alias="BROKER", description="Kafka or Redpanda, host:port[,host:port]"
    )
    topic_prefix: str = Field(
        "shelly.", validation_alias="BLUFLOW_TOPIC_PREFIX", description="before every topic's name"
    )
    log_level: str = Field("INFO", validation_alias="BLUFLOW_LOG_LEVEL", description="DEBUG, INFO, WARNING or ERROR")
    host: str = Field("127.0.0.1", validation_alias="BLUFLOW_HOST", description="address that the HTTP pages bind")

    data: Path = Field(
        Path("data"), validation_alias="BLUFLOW_DATA", description="folder of history, archive and generated secrets"
    )
    sensors_file: Path = Field(
        Path("sensors.yaml"),
        validation_alias="BLUFLOW_SENSORS_FILE",
        description="names, places, intervals and limits of sensors; read again when it changes",
    )
    history: Literal["sqlite", "influxdb"] = Field(
        "sqlite", validation_alias="HISTORY", description="store of readings and aggregates: sqlite or influxdb"
    )
    influxdb_url: str = Field(
        "http://127.0.0.1:8086", validation_alias="INFLUXDB_URL", description="where InfluxDB answers"
    )
    influxdb_org: str = Field("bluflow", validation_alias="INFLUXDB_ORG", description="its organisation")
    influxdb_bucket: str = Field(
        "bluflow",
        validation_alias="INFLUXDB_BUCKET",
        description="bucket of the readings; the aggregates' buckets are this name with _5m, _1h and _1d",
    )
    influxdb_token_file: Path | None = Field(
        None, validation_alias="INFLUXDB_TOKEN_FILE", description="file that holds the token, mode 0600"
    )
    raw_days: float = Field(
        30, gt=0, le=36_500, validation_alias="BLUFLOW_RAW_DAYS", description="days that readings are kept"
    )
    five_minute_days: float = Field(
        365,
        gt=0,
        le=36_500,
        validation_alias="BLUFLOW_FIVE_MINUTE_DAYS",
        description="days that 5-minute aggregates are kept; hours and days are kept for ever",
    )

    @field_validator("broker")
    @classmethod
    def _broker_is_host_port(cls, value: str) -> str:
        for part in value.split(","):
            host_port(part.strip())
        return value

    @field_validator("log_level")
    @classmethod
    def _log_level_is_known(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, YamlSource(settings_cls)


S = TypeVar("S", bound=Settings)


def _name(kind: type[Settings], given: str) -> str:
    """The field's own name for a name or alias, as errors give it."""
    aliases = {field.validation_alias: name for name, field in kind.model_fields.items()}
    return aliases.get(given, given)


def _annotation(kind: type[Settings], name: str) -> object:
    field = kind.model_fields.get(name)
    return field.annotation if field else None


def load(kind: type[S]) -> S:
    """The effective settings of one process. Raises SettingsError with one line that names the first bad one."""
    try:
        return kind()
    except ValidationError as error:
        first = error.errors()[0]
        name = _name(kind, ".".join(str(part) for part in first["loc"]))
        text = first["msg"].removeprefix("Value error, ")
        # a misspelt name may stand before a secret
        known = first["type"] != "extra_forbidden"
        if known and isinstance(first["input"], (str, int, float)) and "Secret" not in str(_annotation(kind, name)):
            text += f" (given: {str(first['input'])[:80]!r})"
        raise SettingsError(f"setting {name}: {text}") from None


def load_or_exit(kind: type[S]) -> S:
    """`load`, or one line on stderr and exit 2."""
    try:
        return load(kind)
    except SettingsError as error:
        sys.stderr.write(f"bluflow: {error}\n")
        raise SystemExit(2) from None
