"""The embedded Kafka broker killed: it comes back without its last second, as the README says, and no more is gone.

Its name brings it last: meanwhile the one pipeline publishes the windows that are then judged.
"""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from history.sqlite import SqliteHistory
from history.store import HistoryReader
from tests.faults.judge import Judge
from tests.faults.trial import Trial
from tests.polling import until
from tests.stack import Stack, running_stack

RATE = 100  # frames/s: it is made for a few dozen sensors
LOST_SECONDS = 3
PREFIX = "shelly."


class Embedded:
    """`bluflow run`, as a subject; its supervisor tends it."""

    prefix = PREFIX

    def __init__(self, stack: Stack) -> None:
        self.kafka, self.mqtt, self.history_file = stack.kafka, stack.mqtt, stack.data / "history.sqlite"

    def open_history(self) -> HistoryReader:
        return SqliteHistory(self.history_file)

    def tend(self) -> None:
        pass

    def until(self, condition: Callable[[], object], seconds: float, what: str) -> None:
        until(condition, seconds, what)


@pytest.mark.timeout(600)
def test_the_embedded_kafka_broker_killed_without_its_tail(
    tmp_path: Path, trial: Callable[..., Trial], judge: Judge
) -> None:
    with running_stack(tmp_path / "data", SIMULATE="0", BRIDGE_TICK_SECONDS="2") as stack:
        subject = Embedded(stack)
        under = trial(subject, "embedded Kafka broker: SIGKILL", rate=RATE, sensors=50)
        hurt_at = time.time()
        stack.child("kafka").kill()
        under.recovered(hurt_at)
        # in readings or in the history: what was in the broker's memory alone
        lost = LOST_SECONDS * RATE
        assert not under.conclude(seconds=6, excused=2 * lost).duplicated
        # four quantities in windows of three widths; what of it the history has, a replay from the archive puts there
        judge.windows(subject, excused=12 * lost)
