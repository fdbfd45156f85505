"""Whether a page of ours asks for a key, and which keys there are, in the file that commands change."""

import logging
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from runtime.api_keys import ApiKey, InvalidApiKeys, Refused, Scope, judge, read_keys
from runtime.settings import Settings, load
from runtime.watched_file import WatchedFile

log = logging.getLogger(__name__)

Clock = Callable[[], int]  # unix milliseconds


class KeySettings(Settings):
    """What every process reads of the API's settings, for its metrics are for the same people."""

    section: ClassVar[str] = "api"
    model_config = SettingsConfigDict(extra="ignore")

    keys: Literal["auto", "required", "none"] = Field(
        "auto",
        validation_alias="API_KEYS",
        description="auto: keys are required unless BLUFLOW_HOST is loopback; required; none",
    )
    keys_file: Path | None = Field(
        None,
        validation_alias="API_KEYS_FILE",
        description="file of the keys' digests, mode 0600; empty: api-keys.json in BLUFLOW_DATA",
    )

    @property
    def keys_required(self) -> bool:
        """Whether requests need a key."""
        return self.keys == "required" or (self.keys == "auto" and not _is_loopback(self.host))

    @property
    def keys_path(self) -> Path:
        """Where the keys' digests are."""
        return self.keys_file or self.data / "api-keys.json"


class ApiKeyFile(WatchedFile[tuple[ApiKey, ...]]):
    """The keys of a file that commands change while we run."""

    def __init__(self, path: Path, absent: tuple[ApiKey, ...] | None = None) -> None:
        """Read the file. Raises InvalidApiKeys, also for one that is not there if nothing stands for it."""
        super().__init__(path, read_keys, InvalidApiKeys, absent)

    @property
    def keys(self) -> tuple[ApiKey, ...]:
        """As the file last said."""
        return self.content

    def refused(self, secret: str | None, scope: Scope, now: Clock) -> Refused | None:
        """Why the secret is refused, by the file as it is now; None if it may."""
        if trouble := self.refresh():
            log.error("%s; the keys stay as they were", trouble)
        return judge(self.keys, secret, scope, now())


def page_keys() -> ApiKeyFile | None:
    """The keys that metrics ask for, by the settings as they are now; None if they ask for none. Raises SettingsError.

    A file that is not there yet lets nobody in: that nobody can read the metrics is no reason to forward no frames.
    """
    settings = load(KeySettings)
    return ApiKeyFile(settings.keys_path, absent=()) if settings.keys_required else None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
