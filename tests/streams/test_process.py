"""`python -m streams worker` as an operator meets it: one clear line and exit 2, never a traceback."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest


def worker(*arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "streams", *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=30,
    )


def assert_one_line(run: "subprocess.CompletedProcess[str]", *words: str) -> None:
    assert run.returncode == 2, run.stderr
    assert len(run.stderr.splitlines()) == 1, run.stderr
    assert all(word in run.stderr for word in words), run.stderr


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"BROKER": "nowhere"}, ("broker", "nowhere")),
        ({"STREAMS_SESSION_SECONDS": "3"}, ("session_seconds", "6")),
        ({"BLUFLOW_CONFIG": "/no/such.yaml"}, ("/no/such.yaml",)),
    ],
)
def test_a_bad_setting_is_one_line(env: dict[str, str], words: tuple[str, ...]) -> None:
    assert_one_line(worker("worker", **env), *words)


def test_a_data_folder_that_cannot_be_made_is_one_line(tmp_path: Path, free_port: object) -> None:
    (tmp_path / "taken").write_text("")
    port = str(free_port())  # type: ignore[operator]
    run = worker("worker", BLUFLOW_DATA=str(tmp_path / "taken" / "data"), STREAMS_PORT=port)
    assert_one_line(run, "data folder", "BLUFLOW_DATA", "Not a directory")


def test_an_unknown_word_is_one_line() -> None:
    assert_one_line(worker("workr"), "python -m streams worker")


def test_a_port_in_use_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert_one_line(worker(STREAMS_PORT=port), port, "STREAMS_PORT")


def test_bad_keys_are_one_line_without_a_key(kafka: str, topics: str, tmp_path: Path, free_port: object) -> None:
    keys = tmp_path / "keys.yaml"
    keys.write_text("7c:c6:b6:bd:4c:b5: 0123456789abcdef0123456789abcd\n")
    env = {"BROKER": kafka, "BLUFLOW_TOPIC_PREFIX": topics, "STREAMS_KEYS_FILE": str(keys)}
    run = worker(**env, STREAMS_PORT=str(free_port()))  # type: ignore[operator]
    assert run.returncode == 2
    assert "7c:c6:b6:bd:4c:b5" in run.stderr
    assert "0123456789abcdef" not in run.stderr
    assert "Traceback" not in run.stderr
