"""What the sinks can be told."""

from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from runtime.settings import Settings


class SinkSettings(Settings):
    """Section `sinks`, environment `SINKS_*`."""

    section: ClassVar[str] = "sinks"
    model_config = SettingsConfigDict(env_prefix="SINKS_")

    port: int = Field(9103, ge=1, le=65535, description="port of the health and metrics page")
    batch_size: int = Field(5000, ge=1, le=100_000, description="most records written at once")
    batch_age: float = Field(0.2, ge=0, le=10, description="seconds that a record waits for others at most")
    member_id: str = Field(
        "",
        max_length=100,
        description="name of this process in its groups; one that comes back under it gets its partitions at once. "
        "The embedded broker needs it (it never forgets a dead member); two processes must not share one",
    )
    session_timeout: float = Field(10, ge=1, le=300, description="seconds until the group takes a silent member for dead")
    overlap: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="records of each partition read again when it is assigned, for a broker that can lose its tail: "
        "rows are written twice to no effect, dead letters among them are doubled",
    )
    archive_days: float = Field(90, gt=0, description="days that the archive keeps a raw record")
