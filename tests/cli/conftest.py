"""A worker that runs beside the commands."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.child import spawn
from tests.cli.processes import ROOT
from tests.cli.worker import Stack


@pytest.fixture
def stack(kafka: str, topics: str, tmp_path: Path) -> Stack:
    return Stack(kafka, topics, tmp_path)


@pytest.fixture
def worker(stack: Stack, free_port: Callable[[], int]) -> Iterator[None]:
    env = {**os.environ, **stack.settings, "STREAMS_PORT": str(free_port()), "PYTHONPATH": str(ROOT)}
    with (stack.folder / "worker.log").open("wb") as log:
        child = spawn([sys.executable, "-m", "streams", "worker"], env=env, stdout=log, stderr=log)
    yield
    child.kill()
    child.wait()
