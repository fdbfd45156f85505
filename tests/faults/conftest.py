"""One pipeline lives through many faults, each with its own block of sensors, so that what is wrong is its own.

`pipeline` stands on one broker that it reaches through the proxy, `trio` on three with three copies of everything. A
fault's test takes one of them and `trial`. Every test finds the whole pipeline ready, whatever the one before did.
"""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.broker import Cluster
from tests.faults.pipeline import Pipeline
from tests.faults.table import GUARANTEES, Row, write_table
from tests.faults.trial import Trial

SEEDS = int(os.environ.get("SEEDS", "1"))
RATE = float(os.environ.get("RATE", "1200"))  # frames/s of each trial
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
def rows() -> Iterator[list[Row]]:
    """What the trials found; with GUARANTEES=write they become the table in docs/guarantees.md."""
    found: list[Row] = []
    yield found
    if os.environ.get("GUARANTEES") == "write" and found:
        write_table(GUARANTEES, found)


def _standing(folder: Path, nodes: int, prefix: str, *, proxied: bool) -> Iterator[Pipeline]:
    cluster = Cluster(folder, nodes)
    pipeline = Pipeline(folder / "pipeline", cluster, prefix, proxied=proxied)
    try:
        cluster.start()
        pipeline.start_all()
        yield pipeline
    finally:
        pipeline.stop_all()
        cluster.stop()


@pytest.fixture(scope="session")
def _one_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    yield from _standing(tmp_path_factory.mktemp("one"), 1, "one.", proxied=True)


@pytest.fixture(scope="session")
def _three_brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    yield from _standing(tmp_path_factory.mktemp("three"), 3, "three.", proxied=False)


@pytest.fixture
def pipeline(_one_broker: Pipeline) -> Pipeline:
    """All processes ready, on one broker behind the proxy."""
    _one_broker.make_whole()
    return _one_broker


@pytest.fixture
def trio(_three_brokers: Pipeline) -> Pipeline:
    """All processes ready, on three brokers: three copies, two of which must be in sync."""
    _three_brokers.make_whole()
    return _three_brokers


@pytest.fixture
def trial(block: int, tmp_path: Path, rows: list[Row]) -> Iterator[Callable[..., Trial]]:
    """`trial(pipeline, fault, **plan)`: traffic of this test's block, and its judge."""
    begun: list[Trial] = []

    def begin(pipeline: Pipeline, fault: str, **plan: float) -> Trial:
        made = Trial(pipeline, fault, block, tmp_path / "ledger", rows, {"rate": RATE, **plan})
        begun.append(made)
        made.begin()
        return made

    yield begin
    for each in begun:
        each.stop()
