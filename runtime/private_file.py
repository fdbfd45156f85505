"""A file for its owner's eyes only, which commands change while a process reads it."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.errors import SettingsError


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """No other command changes the file meanwhile: it would bring back what this one took out. Makes its folder.

    Raises SettingsError: one line that names the folder.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)  # the file itself is replaced by each change
    except OSError as error:
        raise SettingsError(f"{path.parent}: {error.strerror}") from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def replace(path: Path, text: str) -> None:
    """Whole or not at all, mode 0600 from the first byte on: somebody may read it at any moment.

    Raises SettingsError: one line that names the file.
    """
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise SettingsError(f"{path}: {error.strerror}") from None
