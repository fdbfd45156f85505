"""The commands of `bluflow`, and what becomes of their errors."""

import os
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from cli.archive import archive
from cli.config import config
from cli.dead_letters import dead_letters
from cli.decode import decode
from cli.gateway import gateway
from cli.generation import generation
from cli.keys import keys
from cli.replay import replay
from cli.run import run
from cli.secrets import secrets
from cli.sensors import sensors
from cli.simulate import simulate
from cli.topics import topics
from cli.truth import truth
from cli.unusable import Unusable

app = typer.Typer(
    name="bluflow", add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=False
)
for command in (run, simulate, truth, decode, replay, topics, config):
    app.command()(command)
app.add_typer(sensors)
app.add_typer(dead_letters)
app.add_typer(generation)
app.add_typer(gateway)
app.add_typer(archive)
app.add_typer(secrets)
app.add_typer(keys)


def _version(asked: bool) -> None:
    if asked:
        from runtime.version import version

        typer.echo(f"bluflow {version()}")
        raise typer.Exit


@app.callback()
def bluflow(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The stream pipeline for Shelly BLU H&T sensors."""


def run_command(arguments: list[str] | None = None) -> int:
    """The exit code of one command; its errors are shown as one line."""
    try:
        return app(arguments, prog_name="bluflow", standalone_mode=False) or 0
    except typer.Abort:
        return 130
    except BrokenPipeError:
        return 1  # the reader of our output went away; there is nobody to tell
    except Exception as error:
        return _explain(error)


def _explain(error: Exception) -> int:
    """One line about it; the exit code."""
    from runtime.settings import SettingsError  # here: most commands end well and need not load it

    if isinstance(error, TyperException):
        return _refuse(f"{error.format_message()} (see bluflow --help)")
    if isinstance(error, SettingsError | Unusable):
        return _refuse(str(error))
    path, number = _keep_traceback()
    _refuse(f"unexpected {type(error).__name__}: {error} (number {number} in {path})")
    return 1


def _refuse(line: str) -> int:
    sys.stderr.write(f"bluflow: {' '.join(line.removeprefix('bluflow: ').split())}\n")
    return 2


def _keep_traceback() -> tuple[Path, str]:
    """Where the traceback of the present exception was written, and under which number."""
    number = f"{time.time_ns() // 1000:x}"
    text = f"--- {number}\n{traceback.format_exc()}"
    for folder in (Path(os.environ.get("BLUFLOW_DATA") or "data") / "logs", Path(tempfile.gettempdir())):
        path = folder / "bluflow-errors.log"
        try:
            with path.open("a") as file:
                file.write(text)
        except OSError:
            continue
        return path, number
    sys.stderr.write(text)  # nowhere to keep it: better seen than lost
    return Path("stderr"), number
