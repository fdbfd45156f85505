"""No child outlives its parent."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli import child
from tests.cli.processes import journal_of, lives, pids, stand_in
from tests.polling import until

_SUPERVISE = """
import asyncio, json, sys
from pathlib import Path
from cli.service import Service
from cli.supervisor import Supervisor
commands, logs = json.loads(sys.argv[1]), Path(sys.argv[2])
services = [Service(name, command) for name, command in commands.items()]
asyncio.run(Supervisor(services, logs, print).run(asyncio.Event(), asyncio.Event()))
"""


@pytest.mark.skipif(not child.LINUX, reason="elsewhere cli.guard does this; it has its own tests")
def test_no_process_is_left_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    commands = {name: stand_in(name, journal, on_term="ignore") for name in ("a", "b", "c")}
    arguments = [sys.executable, "-c", _SUPERVISE, json.dumps(commands), str(tmp_path)]
    supervisor = subprocess.Popen(arguments, start_new_session=True)
    try:
        until(lambda: len(journal_of(journal)) == 3, 10, "three lines")
        started = [pid for name in "abc" for pid in pids(journal, name)]
        assert all(lives(pid) for pid in started)
    finally:
        supervisor.kill()
        supervisor.wait()
    until(lambda: not any(lives(pid) for pid in started), 5, "the end of all")


def test_a_ctrl_c_in_the_terminal_reaches_only_the_parent(tmp_path: Path) -> None:
    process = child.spawn(stand_in("one", tmp_path / "journal"))
    try:
        assert os.getpgid(process.pid) != os.getpgid(0)
    finally:
        child.kill(process)
        assert process.wait() == -signal.SIGKILL
    child.kill(process)  # one that is gone already is no error


def guarded(command: list[str]) -> "subprocess.Popen[bytes]":
    arguments = [sys.executable, "-m", "cli.guard", *command]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, start_new_session=True)


def test_the_guard_ends_its_command_when_the_parent_is_gone(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with guarded(stand_in("one", journal, on_term="ignore")) as guard:
        until(lambda: pids(journal, "one"), 10, "its start")
        assert guard.stdin
        guard.stdin.close()  # what the kernel does when the parent dies
        assert guard.wait(10) == 128 + signal.SIGKILL
    until(lambda: not lives(pids(journal, "one")[0]), 10, "its end")


def test_the_guard_passes_signals_on_and_the_exit_code_back(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with guarded(stand_in("one", journal)) as guard:
        until(lambda: pids(journal, "one"), 10, "its start")
        guard.terminate()
        assert guard.wait(10) == 0
    assert journal_of(journal) == ["one started", "one stopped"]
    with guarded([sys.executable, "-c", "raise SystemExit(7)"]) as guard:
        assert guard.wait(10) == 7


def test_killing_a_guarded_child_kills_the_command_too(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with guarded(stand_in("one", journal, on_term="ignore")) as guard:
        until(lambda: pids(journal, "one"), 10, "its start")
        child.kill(guard)
        assert guard.wait(10) == -signal.SIGKILL
    until(lambda: not lives(pids(journal, "one")[0]), 10, "its end")
