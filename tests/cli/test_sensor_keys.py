"""`bluflow sensors set-key`, `forget-key`, `keys`: from a prompt or a file into a file of mode 0600, seen by nobody."""

import os
import pty
import stat
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from runtime.snapshot import snapshot
from schemas.codec import decode_latest
from schemas.frame import Frame
from schemas.reading import Latest
from schemas.topics import LATEST
from streams.keys import load_keys
from tests.cli.processes import ROOT, bluflow, environment
from tests.cli.worker import Stack
from tests.polling import until as wait_until
from tests.streams.engine.conftest import until
from tests.streams.replay.logs import D0, ENCRYPTED, KEY, MINUTE, frame, secret_frame

OTHER = "7c:c6:b6:00:00:01"
T0 = D0 + 100 * MINUTE


def key_file(folder: Path, digits: str = KEY.hex()) -> str:
    path = folder / "pasted"
    path.write_text(f"{digits}\n")
    return str(path)


def test_a_key_from_a_file_is_kept_for_its_owner_alone_and_never_shown(tmp_path: Path) -> None:
    done = bluflow("sensors", "set-key", "7CC6B6010203", "--file", key_file(tmp_path), folder=tmp_path)
    path = tmp_path / "data" / "bind-keys.yaml"
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{ENCRYPTED}: its key is in data/bind-keys.yaml; a running worker takes it at once\n"
    assert (load_keys(path), stat.S_IMODE(path.stat().st_mode)) == ({ENCRYPTED: KEY}, 0o600)
    other = bluflow("sensors", "set-key", OTHER, "--file", key_file(tmp_path, "1" * 32), folder=tmp_path)
    again = bluflow("sensors", "set-key", OTHER, "--file", key_file(tmp_path, "2" * 32), folder=tmp_path)
    assert [" another key " in done.stdout for done in (other, again)] == [False, True]
    assert load_keys(path) == {ENCRYPTED: KEY, OTHER: b"\x22" * 16}

    listed = bluflow("sensors", "keys", folder=tmp_path)
    assert listed.stdout == f"{OTHER}\n{ENCRYPTED}\n"
    assert listed.stderr == "data/bind-keys.yaml: 2 keys\n"
    assert bluflow("sensors", "forget-key", ENCRYPTED, folder=tmp_path).returncode == 0
    assert bluflow("sensors", "keys", folder=tmp_path).stdout == f"{OTHER}\n"


def test_a_key_is_asked_for_and_not_echoed(tmp_path: Path) -> None:
    keyboard, terminal = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "cli", "sensors", "set-key", ENCRYPTED],
        env=environment(PYTHONPATH=str(ROOT)),
        cwd=tmp_path,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    try:
        wait_until(lambda: not termios.tcgetattr(keyboard)[3] & termios.ECHO, 30, "asked without an echo")
    finally:
        os.close(terminal)
    os.write(keyboard, f"{KEY.hex()}\n".encode())
    assert child.wait(30) == 0
    shown = os.read(keyboard, 10_000)
    os.close(keyboard)
    assert f"Bind key of {ENCRYPTED}:".encode() in shown
    assert b"its key is in data/bind-keys.yaml" in shown
    assert KEY.hex().encode() not in shown
    assert load_keys(tmp_path / "data" / "bind-keys.yaml") == {ENCRYPTED: KEY}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("set-key", "fridge", "--file", "pasted"), "not a MAC address: 'fridge'"),
        (("set-key", ENCRYPTED, "--file", "none"), "none: No such file"),
        (("set-key", ENCRYPTED), "is asked for at a terminal only: name a file with --file"),
        (("set-key", ENCRYPTED, "--file", "pasted"), "a bind key is 32 hex digits"),
        (("forget-key", ENCRYPTED), "data/bind-keys.yaml: no key of 7c:c6:b6:01:02:03"),
    ],
)
def test_what_cannot_be_done_is_one_line_without_the_key(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    key_file(tmp_path, KEY.hex()[:-1])
    done = bluflow("sensors", *arguments, folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert says in done.stderr
    assert KEY.hex()[:8] not in done.stderr
    assert not (tmp_path / "data" / "bind-keys.yaml").exists()


def test_a_broken_file_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text("7c:c6:b6:01:02:03: 0123\n")
    arguments = ("sensors", "set-key", OTHER, "--file", key_file(tmp_path))
    done = bluflow(*arguments, folder=tmp_path, STREAMS_KEYS_FILE=str(path))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert path.read_text() == "7c:c6:b6:01:02:03: 0123\n"


async def latest_of(stack: Stack) -> Latest | None:
    """The encrypted sensor's, as its readers have it."""
    topic, found = LATEST.full_name(stack.prefix), None
    async for record in snapshot(stack.broker, topic):
        if record.key == ENCRYPTED.encode():
            found = decode_latest(record.value)
    return found


@pytest.mark.usefixtures("worker")
async def test_the_running_worker_takes_a_key_refuses_plain_packets_and_says_so(stack: Stack, tmp_path: Path) -> None:
    def sensors(*arguments: str) -> None:
        done = bluflow("sensors", *arguments, folder=tmp_path, **stack.settings)
        assert done.returncode == 0, done.stderr

    def plain(minute: int) -> Frame:
        return frame("gw-a", ENCRYPTED, f"4400{minute:02x}01642e2d45e100", T0 + minute * MINUTE, T0 + minute * MINUTE)

    await stack.frame(secret_frame(T0))
    await stack.until_letters(1)
    sensors("set-key", ENCRYPTED, "--file", key_file(tmp_path))
    await stack.frame(secret_frame(T0 + MINUTE))
    await stack.until_readings(1)

    for minute in (2, 3):
        await stack.frame(plain(minute))
    await stack.until_letters(3)
    assert [letter.reason for letter in await stack.letters()] == ["bindkey_missing", *["plaintext_refused"] * 2]

    async def refused() -> bool:
        latest = await latest_of(stack)
        return latest is not None and latest.refused is not None and latest.refused.times == 2

    await until(refused)
    latest = await latest_of(stack)
    assert latest
    assert latest.refused
    assert (latest.last_seen, latest.refused.since) == (T0 + MINUTE, T0 + 2 * MINUTE)

    sensors("forget-key", ENCRYPTED)
    await stack.frame(plain(4))
    await stack.until_readings(2)

    async def believed() -> bool:
        latest = await latest_of(stack)
        return latest is not None and latest.refused is None

    await until(believed)
