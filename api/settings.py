"""What the API can be told: section `api` of `bluflow.yaml`, or `API_*` in the environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from runtime.page_keys import KeySettings


class ApiSettings(KeySettings):
    """The API's own settings beside the common ones."""

    model_config = SettingsConfigDict(env_prefix="API_", extra="forbid")

    port: int = Field(8000, ge=1, le=65535, description="TCP port of REST, metrics and health")
    check_seconds: float = Field(
        2, gt=0, description="how often the broker is asked whether it is there and still has what was read"
    )
    streams: int = Field(
        200, ge=1, le=10_000, description="event streams that may be open at once; each open page has one"
    )
