"""Where a frame goes: a record of raw-frames, or a dead letter. Pure: no client, no clock."""

from collections.abc import Iterable
from hashlib import sha256
from itertools import chain
from typing import NamedTuple

from paho.mqtt.matcher import MQTTMatcher

from schemas.dead_letter import dead_letter_headers
from schemas.frame import Frame, Headers, frame_key, tick_headers
from schemas.home_assistant import is_discovery
from schemas.topics import DEAD_LETTERS, RAW_FRAMES

OWN = "bluflow"  # the first level of our own topics; of these only gateways' answers are forwarded
MARKER = "bluflow-marker"  # the level that stands for a filter's wildcards in the topic of its marker
MAX_PAYLOAD = 64 * 1024  # bytes; a gateway's largest known frame has a few KiB
LAST_RESORT = 1024  # bytes of payload and of topic that are kept when Kafka refuses even the dead letter


class Record(NamedTuple):
    """What Kafka is given. `reason` is set on a dead letter; `everywhere`: one copy into each partition."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers
    reason: str | None = None
    everywhere: bool = False

    def size(self) -> int:
        """Bytes of key, value and headers."""
        return len(self.key) + len(self.value) + sum(map(len, chain.from_iterable(self.headers)))


class Filters:
    """The subscriptions as a question: is this topic one that we asked for?

    A persistent session keeps the filters of an earlier setting, so the broker's word is not enough.
    """

    def __init__(self, filters: Iterable[str]) -> None:
        self._matcher = MQTTMatcher()  # type: ignore[no-untyped-call]
        for text in filters:
            self._matcher[text] = True

    def match(self, topic: str) -> bool:
        return any(True for _ in self._matcher.iter_match(topic))  # type: ignore[no-untyped-call]


def frame_record(frame: Frame, prefix: str) -> Record:
    """The frame's record in raw-frames; a dead letter if its payload is over 64 KiB."""
    if len(frame.payload) > MAX_PAYLOAD:
        facts = [("length", b"%d" % len(frame.payload)), ("sha256", sha256(frame.payload).hexdigest().encode())]
        return _dead_letter(frame, prefix, "too_large", facts, f"payload over {MAX_PAYLOAD} bytes")
    return Record(RAW_FRAMES.full_name(prefix), frame_key(frame.topic), frame.payload, frame.headers())


def unreadable_topic(frame: Frame, prefix: str, topic: bytes) -> Record:
    """The dead letter of a frame whose topic is not UTF-8: raw-frames could not give the topic back."""
    facts = [("mqtt-topic-bytes", topic)]
    return _dead_letter(frame, prefix, "undeliverable", facts, "the topic is not UTF-8")


def refused(record: Record, prefix: str, detail: str, now: int) -> Record | None:
    """What to send instead of a record that Kafka refuses: a dead letter, then a tiny one, then nothing (None).

    `now` in unix milliseconds.
    """
    if record.everywhere or (record.reason and record.size() <= 8 * LAST_RESORT):
        return None
    limit = LAST_RESORT if record.reason else MAX_PAYLOAD
    headers = [(name, value[:limit]) for name, value in record.headers if not name.startswith("dead-letter-")]
    if len(record.value) > limit and "length" not in dict(headers):
        headers.append(("length", b"%d" % len(record.value)))
    topic = dict(headers)["mqtt-topic"].decode(errors="replace")
    reason = record.reason or "undeliverable"
    return Record(
        DEAD_LETTERS.full_name(prefix),
        record.key[:limit],
        record.value[:limit],
        dead_letter_headers(
            stage="bridge",
            reason=reason,
            origin=f"mqtt:{topic}",
            time=now,
            headers=headers,
            detail=detail,
        ),
        reason,
    )


def is_own(topic: str) -> bool:
    """Whether the topic is one of bluflow's own, which no gateway has; `bluflow/<prefix>/rpc` a gateway answers on."""
    first, _, rest = topic.partition("/")
    return MARKER in topic.split("/") or (first == OWN and not rest.endswith("/rpc")) or is_discovery(topic)


def marker_topics(client_id: str, filters: Iterable[str]) -> list[str]:
    """Where to send markers so that one comes back through each filter: `+/events/rpc` -> `bluflow-marker/events/rpc`.

    mosquitto keeps one queue a session, for which one marker would do. rumqttd keeps a log a filter and order holds
    only within it. A filter without a wildcard gets the marker of `bluflow/bridge/<client id>/`.
    """
    topics = []
    for text in filters:
        levels = [MARKER if level in ("+", "#") else level for level in text.split("/")]
        topics.append("/".join(levels) if MARKER in levels else f"{OWN}/bridge/{client_id}/marker")
    return list(dict.fromkeys(topics))


def tick_record(prefix: str, now: int) -> Record:
    """The bridge's clock (unix milliseconds) for every partition of raw-frames."""
    return Record(RAW_FRAMES.full_name(prefix), b"", b"", tick_headers(now), everywhere=True)


def _dead_letter(frame: Frame, prefix: str, reason: str, facts: Headers, detail: str) -> Record:
    headers = dead_letter_headers(
        stage="bridge",
        reason=reason,
        origin=f"mqtt:{frame.topic}",
        time=frame.received_at,
        headers=[*frame.headers(), *facts],
        detail=detail,
    )
    topic = DEAD_LETTERS.full_name(prefix)
    return Record(topic, frame_key(frame.topic), frame.payload[:MAX_PAYLOAD], headers, reason)
