"""What the API can be told: section `api` of `bluflow.yaml`, or `API_*` in the environment."""

from ipaddress import ip_address
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from runtime.settings import Settings


class ApiSettings(Settings):
    """The API's own settings beside the common ones."""

    section: ClassVar[str] = "api"
    model_config = SettingsConfigDict(env_prefix="API_")

    port: int = Field(8000, ge=1, le=65535, description="TCP port of REST, metrics and health")
    check_seconds: float = Field(
        2, gt=0, description="how often the broker is asked whether it is there and still has what was read"
    )
    streams: int = Field(
        200, ge=1, le=10_000, description="event streams that may be open at once; each open page has one"
    )
    keys: Literal["auto", "required", "none"] = Field(
        "auto", description="auto: keys are required unless BLUFLOW_HOST is loopback; required; none"
    )
    keys_file: Path | None = Field(
        None, description="file of the keys' digests, mode 0600; empty: api-keys.json in BLUFLOW_DATA"
    )

    @property
    def keys_required(self) -> bool:
        """Whether requests need a key."""
        return self.keys == "required" or (self.keys == "auto" and not _is_loopback(self.host))

    @property
    def keys_path(self) -> Path:
        """Where the keys' digests are."""
        return self.keys_file or self.data / "api-keys.json"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
