"""The image: what the Dockerfile copies and installs."""

import ast
import re

from tests.deploy.compose import ROOT


def test_the_image_has_every_package_of_ours_and_the_locked_versions_of_others() -> None:
    text = (ROOT / "Dockerfile").read_text()
    project = (ROOT / "pyproject.toml").read_text()
    packages = re.search(r"^packages = (\[.*\])", project, re.MULTILINE)
    assert packages
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    copied = re.findall(r"^COPY (?!--from)(\S+) ", text, re.MULTILINE)
    assert {*ast.literal_eval(packages[1])} <= set(copied)
    assert all(f"!{each}" in allowed for each in copied)
    whole, part = (blocks((ROOT / name).read_text()) for name in ("requirements.lock", "requirements-image.lock"))
    assert part <= whole
    assert not any(block.startswith(("pytest=", "mypy=", "ruff=", "playwright=")) for block in part)


def blocks(lock: str) -> set[str]:
    """Each package of a lock with its version and hashes; without the conditions, which depend on who asks for it."""
    found = re.split(r"\n(?=\S)", lock.strip())
    return {re.sub(r" ;.*? \\", r" \\", block) for block in found}
