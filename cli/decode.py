"""`bluflow decode`: JSON lines in, one JSON line out for each: what the pipeline makes of a packet or of a frame."""

import binascii
import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from schemas.address import normalise_mac
from schemas.advertisement import Advertisement
from schemas.frame import Frame
from streams.formats import InvalidPacket, decode_frame
from streams.formats.bthome import decode as decode_packet
from streams.keys import InvalidKeys, load_keys


class _Unclear(Exception):
    """A line that is not what this command takes; the text says why."""


def decode(
    keys: Annotated[Path | None, typer.Option(help="File of bind keys: MAC -> 32 hex digits, YAML or JSON.")] = None,
) -> None:
    """Read JSON lines from stdin and answer each with one JSON line.

    {"service_data_hex": "...", "mac": "...", "bindkey": "..."}  or
    {"topic": "...", "payload": ..., "received_at": unix seconds}
    """
    try:
        known = load_keys(keys) if keys else {}
    except InvalidKeys as error:
        raise typer.BadParameter(str(error)) from None
    for line in sys.stdin.buffer:
        answer = decode_line(line.decode(errors="replace"), known)
        sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
        sys.stdout.flush()


def decode_line(line: str, keys: Mapping[str, bytes]) -> dict[str, Any]:
    """The answer to one line; `{"error": "..."}` for a line that has neither shape. Never raises.

    `keys` holds bind keys by sensor id; a packet's own `bindkey` goes before them.
    """
    try:
        try:
            asked = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise _Unclear(f"not JSON: {error}") from None
        if isinstance(asked, dict) and "service_data_hex" in asked:
            return _packet(asked, keys)
        if isinstance(asked, dict) and "topic" in asked:
            return _frame(asked, keys)
        raise _Unclear("an object with service_data_hex, or with topic and payload, is needed")
    except _Unclear as error:
        return {"error": " ".join(str(error).split())}


def _packet(asked: dict[str, Any], keys: Mapping[str, bytes]) -> dict[str, Any]:
    service_data = _hex(asked, "service_data_hex")
    mac = _mac(asked) if asked.get("mac") is not None else None
    key = _hex(asked, "bindkey") if asked.get("bindkey") is not None else keys.get(mac or "")
    try:
        packet = decode_packet(service_data, mac, key)
    except InvalidPacket as invalid:
        return {"error": invalid.reason}
    except ValueError as error:
        raise _Unclear(str(error)) from None
    answer = {
        "version": packet.version,
        "encrypted": packet.encrypted,
        "trigger_based": packet.trigger_based,
        "values": packet.values,
        "stopped": packet.stopped,
    }
    return answer | ({"counter": packet.counter} if packet.encrypted else {})


def _frame(asked: dict[str, Any], keys: Mapping[str, bytes]) -> dict[str, Any]:
    frame = Frame(
        topic=_text(asked, "topic"),
        payload=_payload(asked),
        received_at=_received_at(asked),
        queued=_flag(asked, "queued"),
        retain=_flag(asked, "retain"),
    )
    decoded = decode_frame(frame, keys)
    if decoded.dead_letter:
        return {"dead_letter": decoded.dead_letter.reason}
    answer: dict[str, Any] = {"advertisements": [_shown(each) for each in decoded.advertisements]}
    if decoded.rejected:
        answer["rejected"] = [rejected.reason for rejected in decoded.rejected]
    return answer


def _shown(advertisement: Advertisement) -> dict[str, Any]:
    """An advertisement with times in unix seconds; what it does not have is left out, but for rssi and stopped."""
    shown: dict[str, Any] = {
        name: value
        for name, value in msgspec.structs.asdict(advertisement).items()
        if name != "at" and (value is not None or name in ("rssi", "stopped"))
    }
    return shown | {
        "measured_at": advertisement.measured_at / 1000,
        "received_at": advertisement.received_at / 1000,
    }


def _text(asked: dict[str, Any], name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str):
        raise _Unclear(f"{name} must be a string")
    return value


def _hex(asked: dict[str, Any], name: str) -> bytes:
    try:
        return binascii.unhexlify(_text(asked, name))
    except ValueError:
        raise _Unclear(f"{name} must be an even number of hex digits") from None


def _mac(asked: dict[str, Any]) -> str:
    try:
        return normalise_mac(_text(asked, "mac"))
    except ValueError as error:
        raise _Unclear(str(error)) from None


def _payload(asked: dict[str, Any]) -> bytes:
    """A string goes as it stands, an object as its JSON."""
    match asked.get("payload"):
        case str(text):
            return text.encode()
        case dict(document):
            return msgspec.json.encode(document)
        case _:
            raise _Unclear("payload must be an object or a string")


def _received_at(asked: dict[str, Any]) -> int:
    """Unix milliseconds from unix seconds; now if not given."""
    value = asked.get("received_at")
    if value is None:
        value = time.time()
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        raise _Unclear("received_at must be unix seconds")
    return math.floor(value * 1000 + 0.5)


def _flag(asked: dict[str, Any], name: str) -> bool:
    value = asked.get(name)
    if value is not None and not isinstance(value, bool):
        raise _Unclear(f"{name} must be true or false")
    return bool(value)
