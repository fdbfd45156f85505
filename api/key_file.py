"""The file of API keys as a running API holds it."""

from pathlib import Path

from api.keys import ApiKey, InvalidApiKeys, read_keys
from api.settings import ApiSettings


class ApiKeyFile:
    """The keys of a file that commands change while we run. `keys` is replaced, never changed in place."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises InvalidApiKeys: a bad file at the start is an error, later it is a line in the log."""
        self.path = path
        self._seen = self._stamp()
        self.keys: tuple[ApiKey, ...] = read_keys(path)

    def refresh(self) -> str | None:
        """Read the file again if it has changed. Gives an error's line, once; the keys held before then stay."""
        stamp = self._stamp()
        if stamp == self._seen:
            return None
        self._seen = stamp
        try:
            self.keys = read_keys(self.path)
        except InvalidApiKeys as error:
            return str(error)
        return None

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            stat = self.path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino


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
