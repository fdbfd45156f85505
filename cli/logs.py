"""The children's log files: bounded, and their last line for the screen."""

from pathlib import Path

MOST_BYTES = 5 * 1024 * 1024
_TAIL = 8192


def rotate(log: Path, most: int = MOST_BYTES) -> bool:
    """If `log` is larger than `most`, its newer half becomes `<name>.log.1` and it starts empty.

    The file itself stays: its writer has it open for appending and goes on at the new end.
    """
    try:
        size = log.stat().st_size
    except FileNotFoundError:
        return False
    if size <= most:
        return False
    with log.open("r+b") as file:
        file.seek(size - most)
        old = file.read()
        file.truncate(0)
    log.with_name(log.name + ".1").write_bytes(old)
    return True


def last_line(log: Path, start: int = 0) -> str:
    """The last line that is not empty, of what was written after byte `start`."""
    with log.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(min(start, size), size - _TAIL))
        lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
