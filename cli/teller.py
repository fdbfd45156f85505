"""How far a long reading has come, on stderr."""

import time
from types import TracebackType
from typing import TextIO

from api.times import rfc3339
from streams.replay.source import Progress

_TERMINAL_SECONDS, _FILE_SECONDS = 0.5, 10.0


class Teller:
    """One line that is written over on a terminal; elsewhere a line every ten seconds."""

    def __init__(self, out: TextIO) -> None:
        self._out, self._terminal = out, out.isatty()
        self._began = self._told = time.monotonic()
        self._shown = False

    def __enter__(self) -> "Teller":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, where: TracebackType | None) -> None:
        if self._shown and self._terminal:
            self._out.write("\n")

    def tell(self, progress: Progress) -> None:
        """Say it, if it is time to."""
        now = time.monotonic()
        if now - self._told < (_TERMINAL_SECONDS if self._terminal else _FILE_SECONDS):
            return
        self._told, self._shown = now, True
        rate = progress.done / (now - self._began)
        percent = min(100, progress.done * 100 // max(1, progress.total))
        line = f"read {progress.done:,} records ({percent} %), {rate:,.0f} records/s, up to {rfc3339(progress.at)}"
        self._out.write(f"\r{line}\x1b[K" if self._terminal else f"{line}\n")
        self._out.flush()
