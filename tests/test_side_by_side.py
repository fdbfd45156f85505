"""Tests that run side by side or one after the other: whose ports are whose, what is left, which files are long."""

import subprocess
import sys

from runtime.kafka import topics_of
from schemas.topics import TOPICS
from tests.cli.processes import ROOT
from tests.conftest import LONGEST, find_free_port, topics_while

DRAW = "from tests.conftest import find_free_port; print(find_free_port(), flush=True); input()"


def test_processes_that_run_side_by_side_share_no_port() -> None:
    ours = find_free_port()
    others = [
        subprocess.Popen(
            [sys.executable, "-c", DRAW], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        for _ in range(3)
    ]
    try:
        drawn = [int(other.stdout.readline()) for other in others if other.stdout]
    finally:
        for other in others:
            other.communicate("\n")
    stretches = {port // 500 for port in (ours, *drawn)}
    assert len(stretches) == 4


def test_what_goes_first_is_there() -> None:
    assert [path for path in LONGEST if not path.exists()] == []


async def test_what_a_test_wrote_goes_with_it(kafka: str, topic_prefix: str) -> None:
    async with topics_while(kafka, TOPICS, topic_prefix):
        assert len([name for name in await topics_of(kafka) if name.startswith(topic_prefix)]) == len(TOPICS)
    assert [name for name in await topics_of(kafka) if name.startswith(topic_prefix)] == []
