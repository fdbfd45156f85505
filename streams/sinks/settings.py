"""What the sinks can be told: section `sinks` of bluflow.yaml, `SINKS_*` in the environment."""

from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from runtime.settings import Settings
from schemas.topics import SECOND_STORE


class SinkSettings(Settings):
    """Durations in seconds, sizes in records, unless the name says otherwise."""

    section: ClassVar[str] = "sinks"
    model_config = SettingsConfigDict(env_prefix="SINKS_")

    port: int = Field(9103, ge=1, le=65535, description="port of /health/* and /metrics")
    group: str = Field(
        "",
        pattern=f"^{SECOND_STORE}$",
        description="ends the names of its consumer groups: sinks of another name feed a second store with the same",
    )
    batch_records: int = Field(5000, ge=1, le=100_000, description="most records written at once")
    batch_seconds: float = Field(0.2, ge=0.02, le=10, description="how long a record waits for others at most")
    member_id: str = Field(
        "",
        max_length=100,
        description="stable name of this process in its groups, so that one that comes back has its partitions at "
        "once; the embedded broker needs it, it never forgets a dead member; no two processes may share one",
    )
    session_seconds: float = Field(10, ge=6, le=60, description="a process not heard for so long loses its partitions")
    overlap_records: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="read again in every partition that is assigned, for a broker that can lose its tail; "
        "rows are the same, dead letters among them come twice",
    )
    stop_seconds: float = Field(10, ge=0, description="how long a stop waits for the batch in hand")
    archive_days: float = Field(90, gt=0, le=36_500, description="days that the archive keeps a raw record")
