"""The children's log files: bounded while they are written, every line in the one schema and from a named process."""

import logging
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

from runtime.logs import formatter

MOST_BYTES = 10 * 1024 * 1024
KEPT = 3  # files a process: the one that is written and two older ones
_LONGEST_LINE = 64 * 1024
_OURS = re.compile(r'\{"time": ".*\}|\d{4}-\d\d-\d\dT[\d:.]+Z [A-Z]+ .*', re.DOTALL)


class LogFile:
    """A file of lines that is moved to `<name>.1` when it is full, that to `.2`; the oldest goes."""

    def __init__(self, path: Path, most: int = MOST_BYTES, kept: int = KEPT) -> None:
        """Raises OSError if it cannot be written."""
        self.path, self._most, self._kept = path, most, kept
        self._open()

    def write(self, line: bytes) -> None:
        """Append one line, its end included. Raises OSError."""
        if self._size and self._size + len(line) > self._most:
            self._move()
        self._file.write(line)
        self._size += len(line)

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    def _move(self) -> None:
        self._file.close()
        for number in range(self._kept - 1, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            newer = self.path if number == 1 else self.path.with_name(f"{self.path.name}.{number - 1}")
            if newer.exists():
                newer.replace(older)
        self._open()

    def _open(self) -> None:
        self._file = self.path.open("ab", buffering=0)
        self._size = self.path.stat().st_size


class Output:
    """What a child writes, read from its pipe into its log file as long as the child has the pipe open.

    A thread, because a supervisor that is busy must not make a child wait. It sleeps in the kernel between lines.
    """

    def __init__(self, process: str, pipe: IO[bytes], file: LogFile, form: str = "auto") -> None:
        self.last = ""  # the last line that is not empty, as the child wrote it
        self._pipe, self._file = pipe, file
        self._mark = marker(process, form)
        self._thread = threading.Thread(target=self._read, name=f"log-{process}", daemon=True)
        self._thread.start()

    def finish(self, seconds: float) -> None:
        """Wait for the end of the output: not for ever, a grandchild may have kept the pipe."""
        self._thread.join(seconds)

    def _read(self) -> None:
        with self._pipe:
            while line := self._pipe.readline(_LONGEST_LINE):
                text = line.decode(errors="replace").strip()
                if not text:
                    continue
                self.last = text
                try:
                    self._file.write(self._mark(text))
                except (OSError, ValueError):  # full disk, or closed: the child must not wait for us
                    continue
        self._file.close()


def marker(process: str, form: str = "auto") -> Callable[[str], bytes]:
    """Gives lines for the file: those in our schema stay, any other is put into it, as said by that process."""
    lines = formatter(process, form, terminal=False)

    def mark(text: str) -> bytes:
        if _OURS.fullmatch(text):
            return text.encode() + b"\n"
        record = logging.LogRecord("output", logging.INFO, "", 0, "%s", (text,), None)
        return lines.format(record).encode() + b"\n"

    return mark
