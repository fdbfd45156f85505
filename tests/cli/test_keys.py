"""`bluflow keys`, and an API that needs keys and has none."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.processes import ROOT, bluflow, environment


def test_a_key_is_shown_once_listed_without_it_and_revoked(tmp_path: Path) -> None:
    made = bluflow("keys", "create", "--name", "grafana", "--scope", "read", folder=tmp_path)
    secret = made.stdout.strip()
    assert secret.startswith("bluflow_")
    assert secret not in made.stderr
    listed = bluflow("keys", "list", folder=tmp_path).stdout
    assert "grafana  read" in listed
    assert secret not in listed
    assert bluflow("keys", "revoke", "grafana", folder=tmp_path).returncode == 0
    assert "grafana" not in bluflow("keys", "list", folder=tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("create", "--name", "a b", "--scope", "read"), "the name of a key"),
        (("create", "--name", "a", "--scope", "all"), "Invalid value"),
        (("create", "--name", "a", "--scope", "read", "--expires", "2020-01-01"), "is in the past"),
        (("revoke", "a"), "No such file"),
    ],
)
def test_what_cannot_be_done_is_one_line(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    done = bluflow("keys", *arguments, folder=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert says in done.stderr


@pytest.mark.parametrize("arguments", [("create", "--name", "a", "--scope", "read"), ("revoke", "a")])
def test_a_folder_that_cannot_hold_keys_is_named(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "taken").touch()
    done = bluflow("keys", *arguments, folder=tmp_path, API_KEYS_FILE=str(tmp_path / "taken" / "api-keys.json"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"{tmp_path / 'taken'}: " in done.stderr


def test_an_api_beyond_loopback_without_a_key_does_not_start(tmp_path: Path, free_port: Callable[[], int]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "api"],
        env=environment(BLUFLOW_DATA=str(tmp_path), BLUFLOW_HOST="0.0.0.0", API_PORT=str(free_port())),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "bluflow keys create --name page --scope read" in done.stderr
