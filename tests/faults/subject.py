"""What is on trial: a pipeline on a real Kafka, or the embedded stack."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from history.store import HistoryReader


class Subject(Protocol):
    """What the trial, the evidence and the judge need of it."""

    prefix: str

    def open_history(self) -> HistoryReader:
        """A reader of the store, for who looks."""

    @property
    def kafka(self) -> str:
        """host:port of its Kafka broker, for the test's own readers."""

    @property
    def mqtt(self) -> str:
        """host:port of its MQTT broker."""

    @property
    def history_file(self) -> Path:
        """The SQLite history."""

    def tend(self) -> None:
        """Start again what ended by itself, if nobody else does."""

    def until(self, condition: Callable[[], object], seconds: float, what: str) -> None:
        """Return once the condition holds; fails the test when it does not in time. It is tended meanwhile."""
