"""Tests that run side by side: no two processes draw from the same ports, and the long files are known."""

import subprocess
import sys

from tests.cli.processes import ROOT
from tests.conftest import LONGEST, find_free_port

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
