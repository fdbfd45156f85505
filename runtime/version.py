"""Which bluflow this is."""

import tomllib
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path

_PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


def version() -> str:
    """The version, such as 0.1.0: of the source tree if we run from one, else of the installed package."""
    if _PROJECT.exists():
        return str(tomllib.loads(_PROJECT.read_text())["project"]["version"])
    try:
        return installed("bluflow")
    except PackageNotFoundError:
        return "unknown"
