"""One typed schema for all settings: `bluflow.yaml`, overridden by the environment.

A process declares its own section as a subclass of `Settings`; what is common stands here. In the YAML file the
common names are at the top level and a process's own under its section's name.
"""

import os
import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from runtime.config_file import CONFIG_VARIABLE, Part, config_path, read_part
from runtime.errors import CannotListen, SettingsError
from schemas.topics import DEFAULT_GENERATION, Topic, is_generation

__all__ = ["CannotListen", "Settings", "SettingsError", "host_port", "load", "variable"]

_TOPIC_PREFIX = re.compile(r"[A-Za-z0-9._-]{0,100}")
# Names that begin so are other programs' too: there only what is nearly one of ours is taken for a mistake.
_NOT_ONLY_OURS = ("API_", "RUN_", "INFLUXDB_", "KAFKA_")


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
        return {self._key(name): value for name, value in _part(self.settings_cls).values.items()}

    def _key(self, name: str) -> str:
        """The key that the environment uses for the field: under another, both would count, as two fields."""
        field = self.settings_cls.model_fields.get(name)
        return field.validation_alias if field and isinstance(field.validation_alias, str) else name


class Settings(BaseSettings):
    """What all processes share. The environment's names are `BROKER`, `KAFKA_*`, `INFLUXDB_*` and `BLUFLOW_*`."""

    section: ClassVar[str] = ""
    # the prefix: names alone are read from the environment too, and LOG_LEVEL or HOST there is another program's
    model_config = SettingsConfigDict(
        env_prefix="BLUFLOW_", extra="forbid", validate_by_name=True, validate_by_alias=True
    )

    broker: str = Field(
        "127.0.0.1:9092", validation_alias="BROKER", description="Kafka or Redpanda, host:port[,host:port]"
    )
    kafka_user: str | None = Field(
        None, validation_alias="KAFKA_USER", description="user at BROKER; empty: it asks for none"
    )
    kafka_password_file: Path | None = Field(
        None, validation_alias="KAFKA_PASSWORD_FILE", description="file that holds the user's password, mode 0600"
    )
    kafka_mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"] = Field(
        "SCRAM-SHA-256",
        validation_alias="KAFKA_MECHANISM",
        description="how the password is shown to BROKER: SCRAM-SHA-256, SCRAM-SHA-512 or PLAIN",
    )
    kafka_ca_file: Path | None = Field(
        None,
        validation_alias="KAFKA_CA_FILE",
        description="PEM file of the authority that signed the key of BROKER: turns TLS on",
    )
    topic_prefix: str = Field(
        "shelly.", validation_alias="BLUFLOW_TOPIC_PREFIX", description="before every topic's name"
    )
    generation: str = Field(
        "",
        validation_alias="BLUFLOW_GENERATION",
        description="which generation of tables and derived topics; empty: the first, whose names have no ending",
    )
    log_level: str = Field("INFO", validation_alias="BLUFLOW_LOG_LEVEL", description="DEBUG, INFO, WARNING or ERROR")
    log_format: Literal["auto", "json", "text"] = Field(
        "auto",
        validation_alias="BLUFLOW_LOG_FORMAT",
        description="json, text, or auto: text on a terminal, else JSON",
    )
    host: str = Field("127.0.0.1", validation_alias="BLUFLOW_HOST", description="address that the HTTP pages bind")
    tls_certificate_file: Path | None = Field(
        None,
        validation_alias="BLUFLOW_TLS_CERTIFICATE_FILE",
        description="PEM file of the certificate that the HTTP pages show: turns TLS on",
    )
    tls_key_file: Path | None = Field(
        None, validation_alias="BLUFLOW_TLS_KEY_FILE", description="PEM file of its private key, mode 0600"
    )
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

    @field_validator("topic_prefix")
    @classmethod
    def _prefix_is_of_a_topic(cls, value: str) -> str:
        if not _TOPIC_PREFIX.fullmatch(value):
            raise ValueError("at most 100 of A-Z a-z 0-9 . _ - (it is part of Kafka topics' names)")
        return value

    @field_validator("generation")
    @classmethod
    def _generation_is_of_a_topic(cls, value: str) -> str:
        if value in ("", DEFAULT_GENERATION):
            return ""
        if not is_generation(value):
            raise ValueError("at most 20 of a-z 0-9 - (it ends Kafka topics' names)")
        return value

    @field_validator("data", "sensors_file", mode="before")
    @classmethod
    def _path_is_given(cls, value: Any) -> Any:
        if isinstance(value, str) and not value.strip():  # it would mean the folder where one happens to stand
            raise ValueError("empty: name a path, or leave it out")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_not_set(cls, value: Any, field: ValidationInfo) -> Any:
        # as .env.example writes it, and compose files; an empty path would be the folder where one happens to stand
        optional = field.field_name is not None and cls.model_fields[field.field_name].default is None
        return None if optional and isinstance(value, str) and not value.strip() else value

    @field_validator("log_level")
    @classmethod
    def _log_level_is_known(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    def topic(self, topic: Topic) -> str:
        """The topic's name on the broker, in the generation that is set."""
        return topic.full_name(self.topic_prefix, self.generation)

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


def variable(kind: type[BaseSettings], name: str) -> str:
    """The environment variable of a setting."""
    alias = kind.model_fields[name].validation_alias
    return str(alias or f"{kind.model_config.get('env_prefix', '')}{name}".upper())


def load(kind: type[S]) -> S:
    """The effective settings of one process. Raises SettingsError with one line that names the first bad one."""
    if _is_whole(kind):
        _refuse_misspelt(kind)
    try:
        return kind()
    except ValidationError as error:
        first = error.errors()[0]
        given = str(first["loc"][0]) if first["loc"] else ""
        aliases = {field.validation_alias: name for name, field in kind.model_fields.items()}
        name = aliases.get(given, given)
        text = first["msg"].removeprefix("Value error, ")
        field = kind.model_fields.get(name)
        if field and isinstance(first["input"], (str, int, float)) and "Secret" not in str(field.annotation):
            text += f" (given: {str(first['input'])[:80]!r})"
        raise SettingsError(f"{_place(kind, name)}: {text}" if field else f"setting {given}: {text}") from None


def _part(kind: type[BaseSettings]) -> Part:
    section = getattr(kind, "section", "")
    return read_part(section, Settings.model_fields, kind.model_fields, whole=_is_whole(kind))


def _is_whole(kind: type[BaseSettings]) -> bool:
    """Whether the settings are all of their section. Else another process has the rest, and looks for mistakes."""
    return kind.model_config.get("extra") == "forbid"


def _place(kind: type[Settings], name: str) -> str:
    """Where a setting was given: the environment goes before the file."""
    key = variable(kind, name)
    path = name if name in Settings.model_fields or not kind.section else f"{kind.section}.{name}"
    line = _part(kind).lines.get(name)
    if line and key.upper() not in {given.upper() for given in os.environ}:
        return f"{config_path()}:{line}: setting {path} ({key} in the environment)"
    return f"setting {key} ({path} in bluflow.yaml)"


def _refuse_misspelt(kind: type[Settings]) -> None:
    """Whoever writes BLUFLOW_TOPIC_PREFX means something. Raises SettingsError."""
    known = {variable(kind, name).upper() for name in kind.model_fields} | {CONFIG_VARIABLE}
    own = kind.model_config.get("env_prefix") or "BLUFLOW_"
    for given in sorted(os.environ):
        name = given.upper()  # pydantic-settings does not mind the case either
        prefix = next((one for one in ("BLUFLOW_", "INFLUXDB_", "KAFKA_", own) if name.startswith(one)), None)
        if prefix is None or name in known:
            continue
        field = name.removeprefix(prefix).lower()
        near = [variable(kind, field)] if field in kind.model_fields else get_close_matches(name, known, 1, 0.75)
        if near or prefix not in _NOT_ONLY_OURS:
            hint = f"did you mean {near[0]}?" if near else "`bluflow config` lists them all"
            raise SettingsError(f"environment variable {given}: there is no such setting; {hint}")
