"""The folder that BLUFLOW_DATA names, for a process that writes there."""

from pathlib import Path

from runtime.errors import SettingsError


def check_folder(folder: Path) -> None:
    """Make it if there is none. Raises SettingsError if it cannot be written."""
    probe = folder / ".writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink(missing_ok=True)  # another process may be looking too
    except OSError as error:
        raise SettingsError(f"data folder {folder} (BLUFLOW_DATA): {error.strerror}") from None
