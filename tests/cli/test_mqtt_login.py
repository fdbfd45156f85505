"""The embedded MQTT broker with `--lan`: who has no password is not let in."""

import re
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.child import spawn
from cli.embedded import mqtt_command, wait_until_accepts
from cli.kafka_folder import choose
from cli.screen import overview
from cli.stack import Stack


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]) -> Stack:
    monkeypatch.chdir(tmp_path)
    for name in ("BROKER", "MQTT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BLUFLOW_DATA", str(tmp_path))
    monkeypatch.setenv("RUN_LAN", "0.0.0.0")
    monkeypatch.setenv("RUN_MQTT_PORT", str(free_port()))
    return Stack.load()


async def _nothing() -> None:
    return None


@pytest.fixture
def broker(stack: Stack) -> Iterator[Stack]:
    stack.services(choose(stack.data), _nothing)
    child = spawn(mqtt_command(stack.data / "mqtt.toml"))
    try:
        wait_until_accepts(stack.mqtt)
        yield stack
    finally:
        child.kill()
        child.wait()


def connect(stack: Stack, user: str | None, password: str | None) -> bytes:
    """The MQTT broker's answer to a CONNECT; empty: it hung up. By hand, so that no client's patience is in the way."""

    def text(value: str) -> bytes:
        return len(value).to_bytes(2, "big") + value.encode()

    flags = 0x02 | (0x80 if user is not None else 0) | (0x40 if password is not None else 0)
    body = text("MQTT") + bytes([4, flags]) + (60).to_bytes(2, "big") + text("a-test")
    body += b"".join(text(value) for value in (user, password) if value is not None)
    with socket.create_connection(("127.0.0.1", stack.run.mqtt_port), timeout=5) as link:
        link.sendall(bytes([0x10, len(body)]) + body)
        try:
            return link.recv(4)
        except ConnectionResetError:
            return b""


def test_only_the_right_password_is_let_in(broker: Stack) -> None:
    password = broker.password_file.read_text().strip()
    assert len(password) >= 20
    assert connect(broker, "bluflow", password) == bytes([0x20, 2, 0, 0])
    for user, wrong in [("bluflow", password + "x"), ("bluflow", ""), ("other", password), (None, None)]:
        assert connect(broker, user, wrong) == b"", (user, wrong)


def test_the_password_is_private_kept_and_never_shown(stack: Stack) -> None:
    services = stack.services(choose(stack.data), _nothing)
    password = stack.password_file.read_text().strip()
    for path in (stack.password_file, stack.data / "mqtt.toml"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    stack.services(choose(stack.data), _nothing)
    assert stack.password_file.read_text().strip() == password
    for service in services:
        assert password not in repr((service.command, service.env))
    shown = overview(stack, [])
    assert password not in shown
    assert re.search(rf"gateway setup .* --user bluflow --password-file {stack.password_file}", shown)


def test_without_lan_only_this_machine_is_served(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUN_LAN")
    alone = Stack.load()
    alone.services(choose(alone.data), _nothing)
    assert f'listen = "127.0.0.1:{alone.run.mqtt_port}"' in (alone.data / "mqtt.toml").read_text()
    assert not alone.password_file.exists()
    assert all(host == "127.0.0.1" for _, host, _ in alone.ports().values())
