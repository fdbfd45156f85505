"""The lines that `bluflow decode` is asked: what they may hold, and what is said of those that hold something else."""

import binascii
import math
from typing import Any

import msgspec

from schemas.address import normalise_mac

_LATEST = 1e11  # unix seconds


class UnclearLine(Exception):
    """A line that is not what this command takes; the text says why."""


def read_line(line: str) -> dict[str, Any]:
    """The object of a line. Raises UnclearLine."""
    if not line.strip():
        raise UnclearLine("an empty line: each line is one JSON object")
    try:
        asked = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise UnclearLine(f"not JSON: {error}") from None
    if isinstance(asked, dict) and ("service_data_hex" in asked or "topic" in asked):
        return asked
    raise UnclearLine("an object with service_data_hex, or with topic and payload, is needed")


def text_of(asked: dict[str, Any], name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str):
        raise UnclearLine(f"{name} must be a string")
    return value


def bytes_of(asked: dict[str, Any], name: str) -> bytes:
    try:
        return binascii.unhexlify(text_of(asked, name))
    except ValueError:
        raise UnclearLine(f"{name} must be an even number of hex digits") from None


def key_of(asked: dict[str, Any]) -> bytes | None:
    """The bind key, if the line has one."""
    return bytes_of(asked, "bindkey") if asked.get("bindkey") is not None else None


def mac_of(asked: dict[str, Any]) -> str | None:
    """The sensor's id, if the line has one."""
    if asked.get("mac") is None:
        return None
    try:
        return normalise_mac(text_of(asked, "mac"))
    except ValueError as error:
        raise UnclearLine(str(error)) from None


def payload_of(asked: dict[str, Any]) -> bytes:
    """A string goes as it stands, an object as its JSON."""
    match asked.get("payload"):
        case str(text):
            return text.encode()
        case dict(document):
            return msgspec.json.encode(document)
        case _:
            raise UnclearLine("payload must be an object or a string")


def time_of(asked: dict[str, Any], name: str) -> int | None:
    """Unix milliseconds from unix seconds, if the line has that time."""
    value = asked.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LATEST:
        raise UnclearLine(f"{name} must be unix seconds")
    return math.floor(value * 1000 + 0.5)


def flag_of(asked: dict[str, Any], name: str) -> bool:
    value = asked.get(name)
    if value is not None and not isinstance(value, bool):
        raise UnclearLine(f"{name} must be true or false")
    return bool(value)


def rssi_of(asked: dict[str, Any]) -> int | None:
    """dBm, if the line has it."""
    value = asked.get("rssi")
    if value is not None and (type(value) is not int or not -256 < value < 256):
        raise UnclearLine("rssi must be a whole number of dBm")
    return value
