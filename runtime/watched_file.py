"""A file that others may edit while we run."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

Content = TypeVar("Content")


class WatchedFile(Generic[Content]):
    """What the file says, as it last said something sound. `content` is replaced, never changed in place.

    `read` gives it or raises `invalid`. `absent` stands for a file that is not there at the start, if that may be.
    """

    def __init__(
        self,
        path: Path,
        read: Callable[[Path], Content],
        invalid: type[Exception],
        absent: Content | None = None,
    ) -> None:
        """Read the file. Raises `invalid`: a bad file at the start is an error, later it is a line in the log."""
        self.path, self._read, self._invalid = path, read, invalid
        self._seen = self._stamp()
        self.content = read(path) if self._seen is not None or absent is None else absent

    def refresh(self) -> str | None:
        """Read the file again if it has changed. Gives an error's line, once; what was held before then stays."""
        stamp = self._stamp()
        if stamp == self._seen:
            return None
        self._seen = stamp
        try:
            self.content = self._read(self.path)
        except self._invalid as error:
            return str(error)
        return None

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError:
            return (0, 0, 0)  # it is there and we may not look: reading it says why
        return stat.st_mtime_ns, stat.st_size, stat.st_ino
