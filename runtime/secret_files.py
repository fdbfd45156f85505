"""What the settings keep from others: the secrets themselves, and whether their files are closed to others."""

import re
import stat
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr

from runtime.settings import Settings, variable

_BIND_KEY = re.compile(r"\b[0-9a-fA-F]{32}\b")


def secrets_of(settings: Settings) -> set[str]:
    """Every secret that the settings hold, or that stands in a file they name, as it is now."""
    values = (getattr(settings, name) for name in type(settings).model_fields)
    found = {value.get_secret_value() for value in values if isinstance(value, SecretStr)}
    for name, path in _files(settings):
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue  # whoever needs it says so
        found |= set(_BIND_KEY.findall(text)) if name.endswith("keys_file") else {text.strip()}
    return found - {""}


def open_to_others(settings: Settings) -> list[str]:
    """A line for each secret's file that group or others may read."""
    lines = []
    for name, path in _files(settings):
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue
        if mode & 0o077:
            lines.append(f"{path} ({variable(type(settings), name)}) has mode {mode:04o}, others can use it: chmod 600")
    return lines


def _files(settings: Settings) -> Iterator[tuple[str, Path]]:
    for name in type(settings).model_fields:
        if name.endswith(("password_file", "token_file", "keys_file", "tls_key_file")):
            # a file of keys has a place of its own where none is named
            path = getattr(settings, name) or getattr(settings, name.removesuffix("_file") + "_path", None)
            if path is not None:
                yield name, path
