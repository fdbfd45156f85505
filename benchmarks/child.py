"""A contestant as a process of its own: pinned, bounded in time, its result read from what it prints."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TypeVar

import msgspec

from benchmarks.figures import Sample
from benchmarks.meter import WORD
from cli.child import kill, spawn
from cli.embedded import wait_until_accepts

ROOT = Path(__file__).parents[1]
MEASURED, SERVING = 0, 1  # the cores of who is measured, and of who serves them
PEERS = ROOT / ".build" / "bench" / "bin" / "python"
T = TypeVar("T")


class Failed(Exception):
    """A contestant gave no result; the text says why."""


class Absent(Failed):
    """It, or what it needs, is not installed here."""


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Children that are started meanwhile stay on that core, with all their threads; if there is one only, anywhere."""
    everywhere = os.sched_getaffinity(0)
    if len(everywhere) < 2:
        yield
        return
    os.sched_setaffinity(0, {sorted(everywhere)[core % len(everywhere)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, everywhere)


def started(
    command: Sequence[str], core: int | None, log: Path, settings: Mapping[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """The process; what it says goes into `log`, what it prints into `log` with the ending `.out`, its files beside.

    `core` None: wherever there is room. `settings`: of its environment, beside ours.
    """
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(log.parent), **(settings or {})}
    place = nullcontext() if core is None else pinned(core)
    with log.open("wb") as said, log.with_suffix(".out").open("wb") as printed, place:
        return spawn(command, stdout=printed, stderr=said, cwd=str(ROOT), env=env)


@contextmanager
def ending(child: "subprocess.Popen[bytes]") -> "Iterator[subprocess.Popen[bytes]]":
    """The child, which is gone with the context."""
    try:
        yield child
    finally:
        kill(child)
        child.wait()


@contextmanager
def serving(command: Sequence[str], port: int, log: Path) -> Iterator[str]:
    """A server on the serving core while the context lasts: its address once it accepts connections."""
    with ending(started(command, SERVING, log)):
        wait_until_accepts(f"127.0.0.1:{port}")
        yield f"127.0.0.1:{port}"


def run_module(
    module: str,
    *arguments: object,
    folder: Path,
    seconds: float,
    peers: bool = False,
    ends: bool = False,
) -> Sample:
    """Run `python -m module` until it has printed its result. Raises Failed, after `seconds` at the latest.

    `peers`: by the Python of the environment that the peers are installed in. `ends`: it ends by itself afterwards, and
    what it does until then counts.
    """
    if peers and not PEERS.exists():
        raise Absent("not installed: make .build/bench/.installed")
    log = folder / f"{module}.log"
    python = str(PEERS) if peers else sys.executable
    with ending(started([python, "-m", module, *map(str, arguments)], MEASURED, log)) as child:
        return awaited(child, log, Sample, seconds, ends=ends)


def awaited(child: "subprocess.Popen[bytes]", log: Path, kind: type[T], seconds: float, *, ends: bool = False) -> T:
    """The result that a child of `started` prints. Raises Failed, after `seconds` at the latest.

    `ends`: it ends by itself afterwards, and is waited for.
    """
    deadline = time.monotonic() + seconds
    while True:
        ended = child.poll() is not None
        found = _result(log.with_suffix(".out"), kind)
        if found is not None and (ended or not ends):
            return found
        if ended:
            raise Failed(f"ended with {child.returncode}: {last_line(log)}")
        if time.monotonic() > deadline:
            raise Failed(f"not done within {seconds:.0f} s")
        time.sleep(0.05)


def _result(printed: Path, kind: type[T]) -> T | None:
    for line in printed.read_text(errors="replace").splitlines(keepends=True):
        if line.startswith(WORD) and line.endswith("\n"):  # a long one is there in part before it is whole
            return msgspec.json.decode(line.removeprefix(WORD), type=kind)
    return None


def last_line(log: Path) -> str:
    """The last that a child said, short."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:200].replace("|", "/") if lines else "it said nothing"
