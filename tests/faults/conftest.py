"""One pipeline lives through many faults, each with its own block of sensors, so that what is wrong is its own.

`pipeline` stands on one Kafka broker that it reaches through the proxy. A fault's test takes it and `trial`. Every test
finds it ready, whatever the one before did. The windows of all faults are judged when it has done its work: what is
wrong with them is an error of its end.
"""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.broker import Cluster
from tests.faults.judge import Judge
from tests.faults.pipeline import Pipeline
from tests.faults.subject import Subject
from tests.faults.table import GUARANTEES, write_table
from tests.faults.trial import Trial

SEEDS = int(os.environ.get("SEEDS", "1"))
RATE = float(os.environ.get("RATE", "1000"))  # frames/s of each trial
_blocks = itertools.count(1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """SEEDS=n: every test n times, each with other sensors and other values."""
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(SEEDS))


@pytest.fixture
def block(seed: int) -> int:
    """A number that no other test of this run has: it makes the sensors, the gateways and the values."""
    return next(_blocks)


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    """Judges every trial; with GUARANTEES=write what it found becomes the table in docs/guarantees.md."""
    presiding = Judge()
    yield presiding
    if os.environ.get("GUARANTEES") == "write" and presiding.rows:
        write_table(GUARANTEES, presiding.rows)


@pytest.fixture(scope="session")
def _one_broker(tmp_path_factory: pytest.TempPathFactory, judge: Judge) -> Iterator[Pipeline]:
    folder = tmp_path_factory.mktemp("one")
    cluster = Cluster(folder)
    pipeline = Pipeline(folder / "pipeline", cluster, "one.", proxied=True)
    try:
        cluster.start()
        pipeline.start_all()
        yield pipeline
        pipeline.make_whole()
        judge.windows(pipeline)
    finally:
        pipeline.stop_all()
        cluster.stop()


@pytest.fixture
def pipeline(_one_broker: Pipeline) -> Pipeline:
    """All processes ready, on one broker behind the proxy."""
    _one_broker.make_whole()
    return _one_broker


@pytest.fixture
def trial(seed: int, tmp_path: Path, judge: Judge) -> Iterator[Callable[..., Trial]]:
    """`trial(subject, fault, **plan)`: traffic of a block of its own, and its judge."""
    begun: list[Trial] = []

    def begin(subject: Subject, fault: str, **plan: float) -> Trial:
        block = next(_blocks)
        made = Trial(subject, fault, block, tmp_path / f"ledger-{block}", judge, {"rate": RATE, **plan})
        begun.append(made)
        made.begin()
        return made

    yield begin
    for each in begun:
        each.stop()
