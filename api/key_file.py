"""The file of API keys as a running API holds it."""

from pathlib import Path

from api.keys import ApiKey, InvalidApiKeys, read_keys
from api.settings import ApiSettings
from runtime.watched_file import WatchedFile


class ApiKeyFile(WatchedFile[tuple[ApiKey, ...]]):
    """The keys of a file that commands change while we run."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises InvalidApiKeys."""
        super().__init__(path, read_keys, InvalidApiKeys)

    @property
    def keys(self) -> tuple[ApiKey, ...]:
        """As the file last said."""
        return self.content


def open_keys(settings: ApiSettings) -> ApiKeyFile | None:
    """The keys that requests must have; None if they need none. Raises InvalidApiKeys."""
    if not settings.keys_required:
        return None
    path = settings.keys_path
    if not path.exists():
        raise InvalidApiKeys(
            f"{path}: the API needs keys on {settings.host} and there are none: "
            "bluflow keys create --name page --scope read"
        )
    return ApiKeyFile(path)
