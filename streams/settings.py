"""Settings of the streams worker."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from runtime.settings import Settings


class StreamsSettings(Settings):
    """The environment's names begin with STREAMS_."""

    section: ClassVar[str] = "streams"
    model_config = SettingsConfigDict(env_prefix="STREAMS_")

    port: int = Field(9102, description="health and metrics page of the worker", ge=1, le=65535)
    member_id: str = Field("", description="stable name of this worker in its group; empty: the broker gives one")
    keys_file: Path | None = Field(
        None,
        description="file of encrypted sensors' bind keys, mode 0600, YAML; empty: bind-keys.yaml in BLUFLOW_DATA",
    )
    session_seconds: float = Field(10, description="a worker not heard for so long loses its partitions", ge=6, le=60)
    commit_seconds: float = Field(1, description="how often offsets are committed", ge=0.1, le=60)
    poll_records: int = Field(5000, description="most records of one poll", ge=1, le=50000)
    stuck_seconds: float = Field(
        60,
        description="no commit for so long while records wait: not live; ends after twice that",
        ge=1,
        le=3600,
    )
    stall_seconds: float = Field(
        30, description="the worker ends when its event loop stands still for so long", ge=1, le=600
    )

    @property
    def keys_path(self) -> Path:
        """Where the bind keys are, or will be."""
        return self.keys_file or self.data / "bind-keys.yaml"
