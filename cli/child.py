"""A child process that never outlives its parent, not even when the parent is killed with SIGKILL.

Linux: the kernel kills it (PR_SET_PDEATHSIG). Elsewhere `cli.guard` stands between and watches a pipe.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import IO

LINUX = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if LINUX else None


def _die_with(parent: int) -> None:
    """In the child, before its program: end with `parent`, also if that ended a moment ago."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def spawn(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
    cwd: str | None = None,
) -> "subprocess.Popen[bytes]":
    """Start `command` in a process group of its own, so that a Ctrl-C in the terminal reaches only us.

    Raises OSError if it cannot be started. Call it from the main thread: Linux ties the child to that thread.
    """
    guarded = list(command) if LINUX else [sys.executable, "-m", "cli.guard", *command]
    return subprocess.Popen(
        guarded,
        env=env,
        stdout=stdout,
        stderr=stderr,
        cwd=cwd,
        stdin=subprocess.DEVNULL if LINUX else subprocess.PIPE,
        start_new_session=True,
        preexec_fn=partial(_die_with, os.getpid()) if LINUX else None,
    )


def kill(child: "subprocess.Popen[bytes]") -> None:
    """SIGKILL for the child and all that it started: with a guard between, the guard alone would not be enough."""
    with contextlib.suppress(ProcessLookupError):  # it ended a moment ago
        os.killpg(child.pid, signal.SIGKILL)
