"""Each process killed and stopped while sensors speak: nothing acknowledged is missing, nothing is counted twice."""

import time
from collections.abc import Callable

import pytest

from tests.faults.pipeline import Pipeline
from tests.faults.trial import Trial

Begin = Callable[..., Trial]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["bridge", "worker-0", "sinks", "api"])
def test_a_process_killed_then_stopped(name: str, pipeline: Pipeline, trial: Begin) -> None:
    process = name.partition("-")[0]
    under = trial(pipeline, f"{process}: SIGKILL, then SIGTERM")
    for end in (pipeline.kill, pipeline.term):
        hurt_at = time.time()
        end(name)
        pipeline.start(name)
        pipeline.until(lambda: pipeline.ready(name), 60, f"{name} ready again")
        under.recovered(hurt_at)
    under.conclude()
