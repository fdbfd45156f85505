"""What a contestant measures of itself: from its first event to the moment when all it gave is delivered."""

import os
import resource
import time
from typing import Any

import msgspec

WORD = "RESULT "


def cpu_seconds() -> float:
    """User and system time of this process, all its threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def say(result: Any) -> None:
    """A result on stdout, as JSON, in one write; a reader knows by the line's end that it is whole."""
    os.write(1, WORD.encode() + msgspec.json.encode(result) + b"\n")


class Meter:
    """Starts with the first `begin`; `report` says what was measured on stdout, in one line."""

    def __init__(self) -> None:
        self._began: tuple[float, float] | None = None

    def begin(self) -> None:
        """The first event is here; later calls change nothing."""
        if self._began is None:
            self._began = time.perf_counter(), cpu_seconds()

    def report(self, events: int, outputs: int = 0) -> None:
        """`events` were taken since `begin`, `outputs` came of them."""
        if self._began is None:
            raise RuntimeError("nothing was measured")
        wall, cpu = self._began
        result = {
            "events": events,
            "seconds": time.perf_counter() - wall,
            "cpu": cpu_seconds() - cpu,
            "outputs": outputs,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }
        say(result)
