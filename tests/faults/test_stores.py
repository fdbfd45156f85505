"""The history store fails under the sinks: what waits is written once it can be, and nothing twice."""

import resource
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager

import psutil
import pytest

from tests.faults.pipeline import Pipeline
from tests.faults.trial import Trial

Begin = Callable[..., Trial]
Spoil = Callable[[Pipeline], AbstractContextManager[None]]
OUTAGE = 60  # seconds
_SMALL = 1 << 19  # bytes: less than SQLite's log grows to before it is emptied


@contextmanager
def locked(pipeline: Pipeline) -> Iterator[None]:
    """Another process' transaction holds the history."""
    with closing(sqlite3.connect(pipeline.history_file, timeout=30, isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        yield
        stranger.execute("ROLLBACK")


@contextmanager
def full(pipeline: Pipeline) -> Iterator[None]:
    """The kernel lets no file of the sinks grow, as a full disk does; without a file system of our own."""
    sinks = psutil.Process(pipeline.pid("sinks"))
    before = sinks.rlimit(resource.RLIMIT_FSIZE)
    sinks.rlimit(resource.RLIMIT_FSIZE, (_SMALL, before[1]))
    yield
    sinks.rlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("fault", "spoil", "seconds"),
    [("history locked for 60 s", locked, OUTAGE), ("disk full under SQLite", full, 6)],
)
def test_sqlite_that_cannot_be_written(
    fault: str,
    spoil: Spoil,
    seconds: float,
    pipeline: Pipeline,
    trial: Begin,
) -> None:
    restarts = dict(pipeline.restarts)
    under = trial(pipeline, fault)
    with spoil(pipeline):
        pipeline.until(lambda: not pipeline.ready("sinks"), 30, "the sinks say that they cannot write")
        mended_at = time.time() + seconds
        pipeline.until(lambda: time.time() >= mended_at, seconds + 10, "the outage is over")
    under.recovered(time.time())
    assert pipeline.restarts == restarts
    under.conclude()
