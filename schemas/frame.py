"""A raw frame: one MQTT message, its bytes untouched, what is known about it in the record's headers."""

from collections.abc import Collection, Iterable
from functools import lru_cache

import msgspec

Headers = list[tuple[str, bytes]]

# What comes after a gateway's topic prefix. Longest first: a prefix may hold slashes.
KNOWN_SUFFIXES = ("/events/rpc", "/events/ble", "/debug/log", "/command", "/online", "/rpc", "/ble")
# A gateway answers on `<src>/rpc`, and our questions name `bluflow/<its prefix>` as their src.
_ANSWERS, _RPC = "bluflow/", "/rpc"


class Frame(msgspec.Struct, frozen=True):
    """One MQTT message. `received_at` is the bridge's arrival time in unix milliseconds.

    `queued`: it waited in the MQTT broker while the bridge was away. `retain`: it was a topic's stored state.
    `archived`: it came back from the archive, into a log that had been lost. `operator`: no MQTT message at all, but an
    operator's word, written into the log by a command.
    """

    topic: str
    payload: bytes
    received_at: int
    qos: int = 1
    retain: bool = False
    dup: bool = False
    queued: bool = False
    archived: bool = False
    operator: bool = False

    def headers(self) -> Headers:
        """The record headers that carry everything but the payload."""
        headers = [
            ("mqtt-topic", self.topic.encode()),
            ("qos", b"%d" % self.qos),
            ("retain", b"%d" % self.retain),
            ("dup", b"%d" % self.dup),
            ("received-at", b"%d" % self.received_at),
            ("queued", b"%d" % self.queued),
        ]
        return [*headers, ("operator", b"1")] if self.operator else headers

    @classmethod
    def from_record(cls, value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> "Frame":
        """The frame of a raw record. Raises ValueError if a header is missing or not a number."""
        found = dict(headers)
        try:
            return cls(
                topic=found["mqtt-topic"].decode(),
                payload=value or b"",
                received_at=int(found["received-at"]),
                qos=int(found.get("qos", b"1")),
                retain=found.get("retain") == b"1",
                dup=found.get("dup") == b"1",
                queued=found.get("queued") == b"1",
                archived=found.get("archived") == b"1",
                operator=found.get("operator") == b"1",
            )
        except KeyError as missing:
            raise ValueError(f"raw record without header {missing}") from None


@lru_cache(50_000)  # asked for every frame, of few topics
def frame_key(topic: str) -> bytes:
    """The record key of a frame: its topic minus a known suffix, else the topic's first level.

    One gateway's frames share a key and so keep their order; what it answers to us is one of them.
    """
    if topic.startswith(_ANSWERS) and topic.endswith(_RPC) and len(topic) > len(_ANSWERS + _RPC):
        return topic[len(_ANSWERS) : -len(_RPC)].encode()
    for suffix in KNOWN_SUFFIXES:
        if topic.endswith(suffix) and len(topic) > len(suffix):
            return topic[: -len(suffix)].encode()
    status = topic.rfind("/status/")
    if status > 0:
        return topic[:status].encode()
    return topic.split("/", 1)[0].encode()


def tick_headers(received_at: int) -> Headers:
    """The headers of a tick: an empty record that carries the bridge's clock into a raw partition."""
    return [("tick", b"1"), ("received-at", b"%d" % received_at)]


def tick_time(headers: Collection[tuple[str, bytes]]) -> int | None:
    """Unix milliseconds if the record is a tick, else None."""
    if ("tick", b"1") not in headers:  # asked of every frame
        return None
    return int(dict(headers)["received-at"])


def received_at(headers: Iterable[tuple[str, bytes]]) -> int:
    """When a raw record reached the bridge (unix milliseconds); 0 if it does not say."""
    return next((int(value) for name, value in headers if name == "received-at" and value.isdigit()), 0)
