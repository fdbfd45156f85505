"""How every process starts and ends: one line and exit 2, a crash in the log and exit 1, a signal and exit 0."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.process import listen
from runtime.settings import Settings
from tests.conftest import find_free_port
from tests.polling import until

ROOT = Path(__file__).parents[2]
SCRIPT = """
import asyncio, sys
from typing import ClassVar
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict
from runtime.health import health_page
from runtime.process import main
from runtime.settings import Settings, SettingsError

class RoomSettings(Settings):
    section: ClassVar[str] = "room"
    model_config = SettingsConfigDict(env_prefix="ROOM_")
    port: int = Field(0)
    fate: str = Field("serve")
    password: SecretStr | None = Field(None)

async def serve(settings, stop):
    if settings.fate == "refuse":
        raise SettingsError("setting fate: not this one")
    if settings.fate == "crash":
        raise RuntimeError(f"login with {settings.password.get_secret_value()}")
    async with health_page(settings.host, settings.port, ready=lambda: None):
        print("serving", flush=True)
        await stop.wait()
        print("stopped in order", flush=True)

main(RoomSettings, serve, name="room", kafka=False)
assert "aiokafka" not in sys.modules
"""


def start(folder: Path, **env: str) -> "subprocess.Popen[str]":
    with (folder / "out").open("w") as out:
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONPATH": str(ROOT), **env},
            cwd=folder,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
        )


def end(folder: Path, **env: str) -> tuple[int, str]:
    """Exit code and stderr of one that ends by itself."""
    with start(folder, **env) as process:
        _, said = process.communicate(timeout=30)
    return process.returncode, said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(tmp_path: Path, number: int) -> None:
    with start(tmp_path) as process:
        until(lambda: (tmp_path / "out").read_text(), 30, "start")
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, "")
    assert (tmp_path / "out").read_text() == "serving\nstopped in order\n"


def test_what_cannot_be_used_is_one_line_and_exit_2(tmp_path: Path) -> None:
    assert end(tmp_path, ROOM_FATE="refuse") == (2, "bluflow: setting fate: not this one\n")
    code, said = end(tmp_path, ROOM_PORT="x")
    assert (code, said.startswith("bluflow: setting ROOM_PORT "), said.count("\n")) == (2, True, 1)


def test_a_taken_port_and_a_foreign_address_are_told_apart(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert end(tmp_path, ROOM_PORT=str(port)) == (
            2,
            f"bluflow: health page on 127.0.0.1:{port}: Address already in use; set ROOM_PORT\n",
        )
    for host in ("192.0.2.1", "no such host"):
        code, said = end(tmp_path, BLUFLOW_HOST=host)
        assert (code, said.endswith("; set BLUFLOW_HOST\n"), said.count("\n")) == (2, True, 1), said


def test_a_crash_is_one_line_in_the_log_without_the_secret(tmp_path: Path) -> None:
    code, error = end(tmp_path, ROOM_FATE="crash", ROOM_PASSWORD="swordfish")
    said = (tmp_path / "out").read_text().removeprefix("serving\n")
    line = json.loads(said)
    assert error == ""
    assert (code, line["level"], line["process"]) == (1, "CRITICAL", "room")
    assert line["error"].endswith("RuntimeError: login with ***")
    assert "swordfish" not in said


def test_a_password_file_that_others_can_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("x")
    (tmp_path / "token").chmod(0o644)
    code, refusal = end(tmp_path, ROOM_FATE="refuse", INFLUXDB_TOKEN_FILE="token")
    (warning,) = (tmp_path / "out").read_text().splitlines()
    assert (code, json.loads(warning)["level"], refusal[:8]) == (2, "WARNING", "bluflow:")
    assert "token (INFLUXDB_TOKEN_FILE) has mode 0644" in json.loads(warning)["message"]


def test_an_answer_does_not_wait_until_the_client_acknowledged_what_was_sent_before() -> None:
    """A head and a body are two writes: without this each answer on a kept connection would come 40 ms later."""
    with (
        listen(Settings(), find_free_port(), "x") as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
