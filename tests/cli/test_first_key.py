"""The key that `bluflow run` makes when the API needs keys and there are none: shown once, on the screen alone."""

import re
from pathlib import Path

import pytest

from cli.stack import Stack
from cli.whole import _first_key
from runtime.api_keys import find, read_keys
from tests.stack import running_stack


def test_the_first_start_shows_a_key_that_the_api_takes_and_no_log_has_it(tmp_path: Path) -> None:
    with running_stack(tmp_path / "data", SIMULATE="0", API_KEYS="required") as stack:
        [secret] = re.findall(r"shown this once: (bluflow_\S+)", stack.screen())
        refused, page = stack.get("/api/v1/sensors"), stack.get("/")
        stack.sign_in(secret)
        let_in = stack.get("/api/v1/sensors")
    assert [answer and answer.status_code for answer in (refused, page, let_in)] == [401, 200, 200]
    for path in (tmp_path / "data").rglob("*"):
        if path.is_file() and path.name != "screen":
            assert secret.encode() not in path.read_bytes(), path


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BLUFLOW_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("API_KEYS", "required")
    return Stack.load()


def test_a_second_start_makes_and_shows_none(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    _first_key(stack)
    secret = capsys.readouterr().out.split()[-1]
    [key] = read_keys(stack.api_keys)
    assert (key.name, key.scope) == ("page", "read")
    assert find([key], secret)
    _first_key(stack)
    assert capsys.readouterr().out == ""
    assert read_keys(stack.api_keys) == (key,)


def test_where_nobody_is_asked_for_a_key_none_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BLUFLOW_DATA", str(tmp_path / "data"))
    _first_key(Stack.load())
    assert capsys.readouterr().out == ""
    assert not list(tmp_path.rglob("api-keys.json"))
