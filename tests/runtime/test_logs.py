"""Log lines: one schema, a record's origin, never a secret."""

import io
import json
import logging
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.logs import EXTRAS, FIELDS, HIDDEN, Redaction, formatter, origin, setup_logging

DOCUMENT = Path(__file__).parents[2] / "docs" / "logs.md"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(False)
    root.handlers[:] = before
    root.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_about_a_record_has_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("INFO", process="worker")
    about = {"origin": origin("shelly.raw-frames.v1", 3, 12), "sensor": "7c:c6:b6:bd:4c:b5", "gateway": "attic"}
    try:
        raise ValueError("odd\nbytes")
    except ValueError:
        logging.getLogger("streams.decode").exception("cannot %s °", "decode", extra={**about, "other": "no"})
    (line,) = lines(capsys)
    assert tuple(line) == FIELDS
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert (line["level"], line["process"], line["logger"]) == ("ERROR", "worker", "streams.decode")
    assert line["message"] == "cannot decode °"
    assert line["origin"] == "shelly.raw-frames.v1:3:12"
    assert line["error"].startswith("Traceback")
    assert line["error"].endswith("ValueError: odd\nbytes")


def test_a_line_about_no_record_has_only_the_common_fields(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("INFO", process="api")
    logging.getLogger("uvicorn.error").info("started", extra={"color_message": "\033[36mstarted"})
    logging.getLogger("faust").info("chatter")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", stacklevel=1)
    started, warned = lines(capsys)
    assert tuple(started) == FIELDS[:5]
    assert (warned["logger"], "old" in warned["message"]) == ("py.warnings", True)


def test_on_a_terminal_it_is_a_line_that_no_message_can_break(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert isinstance(sys.stderr, Terminal)
    setup_logging("INFO", process="bridge")
    logging.getLogger("bluflow.bridge").warning("topic a\nb\033[2J", extra={"origin": "t:0:1", "sensor": "s"})
    (line,) = sys.stderr.getvalue().splitlines()
    assert line.partition(" ")[2] == r"WARNING bridge bluflow.bridge: topic a\nb\x1b[2J [t:0:1 s]"


@pytest.mark.parametrize(
    ("form", "terminal", "is_json"),
    [
        ("auto", True, False),
        ("auto", False, True),
        ("json", True, True),
        ("text", False, False),
    ],
)
def test_the_setting_goes_before_the_terminal(form: str, terminal: bool, is_json: bool) -> None:
    line = formatter("x", form, terminal=terminal).format(logging.LogRecord("x", logging.INFO, "", 0, "m", (), None))
    assert line.startswith("{") is is_json


@pytest.mark.parametrize(
    "text",
    [
        "password=hunter2",
        "MQTT password: 'hunter2'",
        "{'password': 'hunter2', 'user': 'me'}",
        '{"token": "hunter2"}',
        "INFLUXDB_TOKEN=hunter2 is bad",
        "Authorization: Token hunter2",
        "authorization: bearer hunter2",
        "bindkey = hunter2",
        "bind_key: hunter2",
        "http://me:hunter2@influx:8086/query",
        "client secret:hunter2",
    ],
)
def test_what_stands_behind_a_telling_name_is_hidden(text: str) -> None:
    shown = Redaction()(text)
    assert "hunter2" not in shown
    assert HIDDEN in shown


@pytest.mark.parametrize(
    "text", ["password_file /run/secret is empty", "the token was refused", "http://influx:8086/query", "port: 8000"]
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redaction()(text) == text


def test_a_known_secret_is_hidden_wherever_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("INFO", secrets={"swordfish", "abc"})
    try:
        raise OSError("login me/swordfish refused")
    except OSError:
        logging.getLogger("x").exception("xswordfishx abc abcd", extra={"gateway": "swordfish"})
    (line,) = lines(capsys)
    assert "swordfish" not in str(line)
    assert line["message"] == f"x{HIDDEN}x {HIDDEN} abcd"
    assert (line["gateway"], line["error"].endswith(f"login me/{HIDDEN} refused")) == (HIDDEN, True)


def test_the_document_lists_the_fields_of_the_code() -> None:
    rows = [line.split("|")[1:3] for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    listed = {name.strip(" `"): "always" in when for name, when in rows}
    assert tuple(listed) == FIELDS
    assert {name for name, always in listed.items() if not always} == {*EXTRAS, "error"}
