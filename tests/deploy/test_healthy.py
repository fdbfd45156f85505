"""The containers' health check: exit 0 when the page on that port says ready, else 1 with the cause."""

import asyncio
import subprocess
import sys
from collections.abc import Callable

import pytest

from runtime.health import health_page
from tests.deploy.conftest import ROOT


async def healthy(port: int) -> tuple[int, str]:
    command = [sys.executable, str(ROOT / "scripts" / "healthy.py"), str(port)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stderr.strip()


@pytest.mark.parametrize(("problem", "answer"), [(None, (0, "")), ("Kafka is away", (1, "Kafka is away"))])
async def test_it_says_what_the_page_says(
    free_port: Callable[[], int], problem: str | None, answer: tuple[int, str]
) -> None:
    port = free_port()
    async with health_page("127.0.0.1", port, ready=lambda: problem):
        assert await healthy(port) == answer


async def test_a_process_that_does_not_answer_is_not_healthy(free_port: Callable[[], int]) -> None:
    code, said = await healthy(free_port())
    assert code == 1
    assert said.startswith("no answer: ")
