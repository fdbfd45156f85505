"""Three Kafka brokers, three copies of everything: one killed, one stopped, and one that leads without the log's end.

Its name brings it first: three brokers and a pipeline are enough for two cores.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from schemas.topics import RAW_FRAMES
from tests.faults.broker import Cluster
from tests.faults.judge import Judge
from tests.faults.pipeline import Pipeline
from tests.faults.trial import Trial

Begin = Callable[..., Trial]


@pytest.fixture(scope="module")
def _three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("three"), 3)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def three(_three: Cluster) -> Cluster:
    """All three there, whatever the test before did; two copies must be in sync."""
    for number, node in _three.nodes.items():
        if node.child is None:
            _three.revive(number)
    return _three


@contextmanager
def standing(folder: Path, cluster: Cluster, prefix: str) -> Iterator[Pipeline]:
    """A pipeline for one test."""
    pipeline = Pipeline(folder / "pipeline", cluster, prefix)
    try:
        pipeline.start_all()
        yield pipeline
    finally:
        pipeline.stop_all()


@pytest.mark.timeout(600)
def test_one_broker_of_three_killed_then_another_stopped(
    three: Cluster, tmp_path: Path, trial: Begin, judge: Judge, block: int
) -> None:
    with standing(tmp_path, three, f"three-{block}.") as pipeline:
        under = trial(pipeline, "one Kafka broker of three: SIGKILL, then SIGTERM")
        for number, end in ((3, three.kill), (2, three.term)):
            hurt_at = time.time()
            end(number)
            under.recovered(hurt_at)
            three.revive(number)
            pipeline.until(lambda: three.in_sync(RAW_FRAMES.full_name(pipeline.prefix)), 60, "three copies again")
        under.conclude()
        judge.windows(pipeline)


@pytest.mark.timeout(600)
def test_an_unclean_leader_election(three: Cluster, tmp_path: Path, trial: Begin, judge: Judge, block: int) -> None:
    """The log of record loses its tail: the only replica in sync dies, one that lacks the end leads."""
    prefix = f"unclean-{block}."
    frames = RAW_FRAMES.full_name(prefix)
    three.make_unclean_topic(frames, (1, 2))
    with standing(tmp_path, three, prefix) as pipeline:
        under = trial(pipeline, "unclean leader election of raw-frames")
        three.kill(2)
        pipeline.until(lambda: three.everywhere(frames, lambda _, in_sync: in_sync == {1}), 30, "node 1 is alone")
        alone_at = time.time()
        under.recovered(alone_at)
        three.kill(1)
        hurt_at = time.time()
        three.revive(2)
        pipeline.until(lambda: three.everywhere(frames, lambda leader, _: leader == 2), 60, "node 2 leads")
        three.revive(1)
        under.recovered(hurt_at)
        assert pipeline.metric("worker-0", "bluflow_streams_lost_tails_total") > 0, "the worker has noticed"
        # what node 1 alone had taken; a second more, since it was alone somewhat earlier than we saw
        lost = round((hurt_at - alone_at + 1) * under.plan.rate)
        under.conclude(seconds=6, excused=lost)
        judge.windows(pipeline, excused=12 * lost)
