"""The log lines of every process: one schema, JSON for machines, one readable line on a terminal. docs/logs.md has it.

A line about a record says where that came from: `log.warning("...", extra={"origin": origin(record), "sensor": ...})`.
"""

import json
import logging
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TextIO

from pythonjsonlogger.core import BaseJsonFormatter

# In this order in a line; those of `EXTRAS` only where they are known.
FIELDS = ("time", "level", "process", "logger", "message", "origin", "sensor", "gateway", "error")
EXTRAS = ("origin", "sensor", "gateway")

HIDDEN = "***"
_TOLD = re.compile(
    r"""((?:password|passwd|token|secret|bind_?key|authorization)["']?\s*[:=]\s*(?:bearer\s+|basic\s+|token\s+)?)"""
    r"""("[^"]*"|'[^']*'|[^\s,;)}\]]+)""",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"(://[^\s:/@]*:)[^\s/@]+@")
_SHORT = 4  # a shorter secret is hidden only where it is a word of its own, or every text would be full of stars

# What the libraries chatter is heard from WARNING on only.
CHATTERS = ("aiokafka", "aiohttp.access", "uvicorn.access", "faust", "mode")


def origin(topic: str, partition: int, offset: int) -> str:
    """Where a record stands, as every log line writes it."""
    return f"{topic}:{partition}:{offset}"


class Redaction:
    """Hides secrets in texts: what stands behind a telling name, and wherever it stands what the settings hold."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        patterns = [rf"(?<!\w){re.escape(one)}(?!\w)" if len(one) < _SHORT else re.escape(one) for one in known]
        self._known = re.compile("|".join(patterns)) if patterns else None

    def __call__(self, text: str) -> str:
        if self._known:
            text = self._known.sub(HIDDEN, text)
        return _IN_URL.sub(rf"\1{HIDDEN}@", _TOLD.sub(rf"\1{HIDDEN}", text))


class JsonLines(BaseJsonFormatter):
    """One JSON object a line, with the schema's fields and no others."""

    def __init__(self, process: str, redact: Redaction) -> None:
        super().__init__(["message"])
        self._process, self._redact = process, redact

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """The schema's fields of a record."""
        log_data |= {
            "time": moment(record.created),
            "level": record.levelname,
            "process": self._process,
            "logger": record.name,
            "message": record.message or str(record.msg),
        }
        log_data |= {name: str(record.__dict__[name]) for name in EXTRAS if record.__dict__.get(name) is not None}
        if error := message_dict.get("exc_info") or message_dict.get("stack_info"):
            log_data["error"] = str(error)
        for name, value in log_data.items():
            log_data[name] = self._redact(value)

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        """As JSON: letters stay what they are."""
        return json.dumps(log_data, ensure_ascii=False)


class TextLines(JsonLines):
    """The same for people: `time level process logger: message [origin sensor gateway]`, an exception below it."""

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        """As text. What a stranger's message holds cannot begin a new line or colour the terminal."""
        about = " ".join(log_data[name] for name in EXTRAS if name in log_data)
        line = "{time} {level} {process} {logger}: {message}".format(**log_data) + (f" [{about}]" if about else "")
        line = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)
        return line + (f"\n{log_data['error']}" if "error" in log_data else "")


def moment(seconds: float) -> str:
    """Unix seconds as RFC 3339 in UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def formatter(process: str, form: str, *, terminal: bool, secrets: Iterable[str] = ()) -> logging.Formatter:
    """For `form` auto, json or text; auto is text on a terminal, else JSON."""
    as_text = form == "text" or (form == "auto" and terminal)
    return (TextLines if as_text else JsonLines)(process, Redaction(secrets))


def setup_logging(
    level: str,
    *,
    process: str = "bluflow",
    form: str = "auto",
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> logging.Handler:
    """Every logger of this process, the libraries' and Python's warnings too. Gives the one handler.

    `stream`: stdout for what runs as a service; else stderr, as a command's stdout is for what it was asked.
    """
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter(process, form, terminal=stream.isatty(), secrets=secrets))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name in CHATTERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
    return handler
