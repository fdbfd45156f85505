"""Workers that come, go and freeze while sensors speak: every partition's state moves with it, and no zombie writes."""

import time
from collections.abc import Callable
from functools import partial

import pytest

from tests.faults.pipeline import Pipeline
from tests.faults.trial import Trial

Begin = Callable[..., Trial]


@pytest.mark.timeout(600)
def test_one_two_three_one_workers(pipeline: Pipeline, trial: Begin) -> None:
    under = trial(pipeline, "workers: 1, 2, 3, 1")
    for name in ("worker-1", "worker-2"):
        hurt_at = time.time()
        pipeline.start(name)
        pipeline.wait_ready(60)
        under.recovered(hurt_at)
        # the sensors may be there before the gauge, which is set every few seconds
        pipeline.until(
            partial(pipeline.metric, name, "bluflow_streams_states"), 30, f"{name} has been given partitions"
        )
    hurt_at = time.time()
    pipeline.kill("worker-1", "worker-2")
    under.recovered(hurt_at)
    under.conclude()


@pytest.mark.timeout(600)
def test_a_worker_frozen_past_its_session_and_woken(pipeline: Pipeline, trial: Begin) -> None:
    under = trial(pipeline, "worker frozen past its session, woken")
    hurt_at = time.time()
    pipeline.start("worker-1")
    pipeline.wait_ready(60)
    under.recovered(hurt_at)
    hurt_at = time.time()
    pipeline.freeze("worker-0")
    under.recovered(hurt_at)  # all of it by the other one: the frozen one has lost its partitions
    hurt_at = time.time()
    pipeline.wake("worker-0")
    pipeline.until(lambda: pipeline.ready("worker-0"), 60, "the frozen worker is there again")
    under.recovered(hurt_at)
    under.conclude()
