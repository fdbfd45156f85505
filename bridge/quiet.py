"""Keeps a client that repeats itself from filling the log: aiokafka says thirty lines a second while Kafka is away."""

import logging
import time


class SayOnce(logging.Filter):
    """Passes a line of the loggers under `name` only if the like of it was not passed in the last `seconds`."""

    def __init__(self, name: str, seconds: float = 30.0) -> None:
        super().__init__(name)
        self._seconds = seconds
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not super().filter(record):
            return True
        kind, now = (record.name, str(record.msg)), time.monotonic()
        if now - self._said.get(kind, float("-inf")) < self._seconds:
            return False
        self._said[kind] = now
        return True


def say_once(name: str) -> None:
    """Put the filter on every handler there is: filters of a logger do not see the lines of its children."""
    repeats = SayOnce(name)
    for handler in logging.getLogger().handlers:
        handler.addFilter(repeats)
