"""What the worker writes: lines of the schema from its first to its last, nothing of Faust's own drawing."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from cli.child import spawn
from cli.ready import until_ready
from tests.cli.processes import ROOT, environment


async def test_every_line_of_the_worker_is_in_the_schema(
    tmp_path: Path, kafka: str, topics: str, free_port: Callable[[], int]
) -> None:
    port, out = free_port(), tmp_path / "out"
    env = environment(
        PYTHONPATH=str(ROOT),
        BROKER=kafka,
        BLUFLOW_TOPIC_PREFIX=topics,
        BLUFLOW_DATA=str(tmp_path),
        STREAMS_PORT=str(port),
    )
    command = [sys.executable, "-P", "-m", "streams", "worker"]
    with out.open("wb") as file:
        worker = spawn(command, env=env, stdout=file, stderr=subprocess.STDOUT, cwd=str(tmp_path))
    try:
        assert await until_ready(f"127.0.0.1:{port}", "/health/ready", 60), out.read_text()
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.wait, 30) == 0
    finally:
        worker.kill()
        worker.wait()
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert lines
    assert {line["process"] for line in lines} == {"worker"}
