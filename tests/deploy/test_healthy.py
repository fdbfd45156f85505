"""The containers' health check: exit 0 when the page on that port says ready, else 1 with the cause."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from cli.secret_folder import SecretFolder
from runtime.health import health_page
from runtime.settings import Settings
from runtime.tls import page_tls
from tests.deploy.conftest import ROOT


async def healthy(port: int, **env: str) -> tuple[int, str]:
    command = [sys.executable, str(ROOT / "scripts" / "healthy.py"), str(port)]
    done = await asyncio.to_thread(
        subprocess.run, command, env={**os.environ, **env}, capture_output=True, text=True, timeout=30, check=False
    )
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


async def test_over_tls_the_page_must_show_the_certificate_that_it_is_set_up_with(
    free_port: Callable[[], int], stack_secrets: SecretFolder
) -> None:
    port, secrets = free_port(), stack_secrets.folder
    settings = Settings(tls_certificate_file=secrets / "bridge.crt", tls_key_file=secrets / "bridge.key")
    async with health_page("127.0.0.1", port, ready=lambda: None, tls=page_tls(settings)):
        assert await healthy(port, BLUFLOW_TLS_CERTIFICATE_FILE=str(secrets / "bridge.crt")) == (0, "")
        for wrong in ("", str(secrets / "sinks.crt")):
            code, said = await healthy(port, BLUFLOW_TLS_CERTIFICATE_FILE=wrong)
            assert (code, said.startswith("no answer: ")) == (1, True), said
        code, said = await healthy(port, BLUFLOW_TLS_CERTIFICATE_FILE="none")
        assert (code, said) == (1, "none: [Errno 2] No such file or directory")
