"""A child process that never outlives its parent, not even when the parent is killed with SIGKILL.

Linux: the kernel kills it (PR_SET_PDEATHSIG). Elsewhere `cli.guard` stands between and watches a pipe.
"""

import ctypes
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO

LINUX = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if LINUX else None


def _die_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


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
        preexec_fn=_die_with_parent if LINUX else None,
    )
