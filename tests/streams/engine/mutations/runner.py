"""Runs tests with a cure off, each in a process of its own, forked from one that has imported everything.

python -m tests.streams.engine.mutations.runner FOLDER: reads JSON from stdin, {name: [tests]}; the name `nothing`
switches nothing off. Writes FOLDER/<name>.xml, as JUnit has it, and FOLDER/<name>.log.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

# what the tests import: once, and not in each process
import aiohttp  # noqa: F401
import aiokafka.admin  # noqa: F401
import faust.worker  # noqa: F401
import pytest

import cli.embedded  # noqa: F401
import streams.app  # noqa: F401
from tests.streams import machine
from tests.streams.engine.mutations import NOTHING, VARIABLE, switch_off_what_is_named

AT_ONCE = 3
FEW = 25  # stories with all cures on: the suite tells them all in the tests themselves
# no plugin but those that the settings name: finding and importing them all takes longer than most tests
PLUGINS = ["-p", "pytest_asyncio.plugin", "-p", "pytest_timeout", "-p", "no:cacheprovider"]


def run(name: str, tests: list[str], folder: Path) -> int:
    """The tests' process: their exit code."""
    log = os.open(folder / f"{name}.log", os.O_CREAT | os.O_WRONLY, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ.pop("MACHINE_EXAMPLES", None)
    if name == NOTHING:
        machine.examples = FEW
    else:
        os.environ[VARIABLE] = name
        switch_off_what_is_named()
        search_without_shrinking()
    report = f"--junitxml={folder / name}.xml"
    return int(pytest.main([*tests, *PLUGINS, report, "-o", "junit_family=xunit2", f"--basetemp={folder / name}"]))


def search_without_shrinking() -> None:
    """A story that fails is enough; nobody reads it."""
    from hypothesis import Phase, settings

    settings.register_profile("mutation", phases=[Phase.generate], report_multiple_bugs=False, deadline=None)
    settings.load_profile("mutation")


def main(folder: Path, wanted: dict[str, list[str]]) -> None:
    """Run them all, some at once."""
    running: set[int] = set()
    for name, tests in wanted.items():
        while len(running) >= AT_ONCE:
            running.remove(os.wait()[0])
        child = os.fork()
        if child == 0:
            code: Any = 99
            try:
                code = run(name, tests, folder)
            finally:
                os._exit(code)
        running.add(child)
    while running:
        running.remove(os.wait()[0])


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.load(sys.stdin))
