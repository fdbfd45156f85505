"""Redriving: a dead letter goes back to the topic in which it was read, once what it died of is mended. Pure.

A frame comes back marked as archived, as one that the log has had before: its readings are flagged `restored`, and the
history takes none whose packet it holds. So elements of the frame that were good already change nothing.
"""

from collections.abc import Mapping
from typing import NamedTuple

from schemas.dead_letter import DETAIL, Letter
from schemas.frame import Frame, Headers
from schemas.topics import AGGREGATES, DELIVERIES, RAW_FRAMES, READINGS
from streams.decode import verdict
from streams.formats import decode_frame


class Redriven(NamedTuple):
    """The record as it goes back."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers


def redriven(
    letter: Letter, letters: str, keys: Mapping[str, bytes], prefix: str, generation: str = ""
) -> Redriven | str:
    """The letter's record as it goes back, or why it does not.

    `letters` is the name of their topic, `prefix` that of all topics; `keys` the bind keys as they are now.
    """
    if letter.stage in ("bridge", "decode"):
        topic, why_not = RAW_FRAMES.full_name(prefix), _frame_stays(letter, keys)
        marks = [("archived", b"1")]
    elif letter.stage == "track":
        topic, why_not, marks = "", "track folds a frame's packets in their order: replay its day instead", []
    else:
        topic, marks = letter.origin.rpartition(":")[0].rpartition(":")[0], []
        known = topic in {each.full_name(prefix, generation) for each in (READINGS, AGGREGATES, DELIVERIES)}
        why_not = "" if known else "it names no topic that a sink reads and that nothing else has kept"
    if why_not:
        return why_not
    marks += [("redriven-from", f"{letters}:{letter.place[0]}:{letter.place[1]}".encode())]
    names = {name for name, _ in marks}
    headers = [*((name, value) for name, value in letter.headers if name not in names), *marks]
    return Redriven(topic, letter.key, letter.value, headers)


def _frame_stays(letter: Letter, keys: Mapping[str, bytes]) -> str:
    """Why a frame cannot go back; empty if it can."""
    facts = dict(letter.headers)
    if "length" in facts and facts["length"] != b"%d" % len(letter.value):
        return f"only the first {len(letter.value)} of its {facts['length'].decode(errors='replace')} bytes were kept"
    if "mqtt-topic-bytes" in facts:
        return "its MQTT topic is not UTF-8"
    try:
        frame = Frame.from_record(letter.value, letter.headers)
    except (ValueError, UnicodeDecodeError):
        return "no bridge wrote it"
    decoded = decode_frame(frame, keys, epoch=0, partition=0, offset=0)
    if not decoded.rejected:
        return ""
    reason, detail = verdict(decoded.rejected)
    return (
        f"it would die of the same again: {reason}"
        if (reason, detail[:DETAIL]) == (letter.reason, letter.detail)
        else ""
    )
