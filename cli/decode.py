"""`bluflow decode`: JSON lines in, one JSON line out for each: what the pipeline makes of a packet or of a frame."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from cli.decode_asked import UnclearLine, bytes_of, flag_of, key_of, mac_of, payload_of, read_line, text_of, time_of
from cli.decode_shown import Shown, show_frame, show_packet
from cli.decode_track import Track
from schemas.frame import Frame
from streams.formats import InvalidPacket, decode_frame
from streams.formats.bthome import decode as decode_packet
from streams.keys import InvalidKeys, load_keys


def decode(
    keys: Annotated[Path | None, typer.Option(help="File of bind keys: MAC -> 32 hex digits, YAML or JSON.")] = None,
    track: Annotated[
        bool, typer.Option("--track", help="Take the lines as one stream, and say what becomes of each packet in it.")
    ] = False,
) -> None:
    """Read JSON lines from stdin and answer each with one JSON line.

    {"service_data_hex": "...", "mac": "...", "bindkey": "..."}  or
    {"topic": "...", "payload": ..., "received_at": unix seconds}

    With --track an answer has an "outcome" too: accept, drop (the gateway brought this packet before, or it cannot
    be decoded), merge (another gateway did), drop_replay, drop_downgrade; a frame has "outcomes" in its order. A
    packet may then have "t" (seconds; 1 s after the line before if not given), "gateway" and "rssi". A bindkey holds
    for its sensor from its line on.
    """
    try:
        known = load_keys(keys) if keys else {}
    except InvalidKeys as error:
        raise typer.BadParameter(str(error)) from None
    stream = Track(known) if track else None
    for line in sys.stdin.buffer:
        text = line.decode(errors="replace")
        answer = decode_line(text, known) if stream is None else track_line(text, stream)
        sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
        sys.stdout.flush()


def decode_line(line: str, keys: Mapping[str, bytes]) -> Shown:
    """The answer to one line; `{"error": "..."}` for a line that has neither shape. Never raises.

    `keys` holds bind keys by sensor id; a packet's own `bindkey` goes before them.
    """
    try:
        asked = read_line(line)
        return _packet(asked, keys) if "service_data_hex" in asked else _frame(asked, keys)
    except UnclearLine as error:
        return _unclear(error)


def track_line(line: str, track: Track) -> Shown:
    """The answer to one line of a stream. Never raises."""
    try:
        asked = read_line(line)
        if "service_data_hex" in asked:
            return track.packet(asked)
        return track.frame(_asked_frame(asked, track.arrival(asked, _now())))
    except UnclearLine as error:
        return _unclear(error) | {"outcome": "drop"}


def _packet(asked: dict[str, Any], keys: Mapping[str, bytes]) -> Shown:
    service_data, mac, key = bytes_of(asked, "service_data_hex"), mac_of(asked), key_of(asked)
    try:
        return show_packet(decode_packet(service_data, mac, keys.get(mac or "") if key is None else key))
    except InvalidPacket as invalid:
        return {"error": invalid.reason}
    except ValueError as error:
        raise UnclearLine(str(error)) from None


def _frame(asked: dict[str, Any], keys: Mapping[str, bytes]) -> Shown:
    told = time_of(asked, "received_at")
    return show_frame(decode_frame(_asked_frame(asked, _now() if told is None else told), keys))


def _asked_frame(asked: dict[str, Any], received_at: int) -> Frame:
    return Frame(
        topic=text_of(asked, "topic"),
        payload=payload_of(asked),
        received_at=received_at,
        queued=flag_of(asked, "queued"),
        retain=flag_of(asked, "retain"),
        operator=flag_of(asked, "operator"),
    )


def _unclear(error: UnclearLine) -> Shown:
    return {"error": " ".join(str(error).split())}


def _now() -> int:
    return time.time_ns() // 1_000_000
