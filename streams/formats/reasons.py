"""Why something was refused: every reason word, in one place, and the two ways of saying it."""

from typing import Literal, NamedTuple, get_args

PacketReason = Literal[
    "empty",  # no service data at all
    "unsupported_version",  # not BTHome v2
    "too_short",  # no room for what the first byte announces: a MAC, or ciphertext, counter and tag
    "bindkey_missing",  # encrypted, and no key for this sensor
    "bindkey_length",  # the key is not 16 bytes
    "mic_mismatch",  # wrong key or a forged, damaged packet
]
FrameReason = Literal[
    "not_utf8",
    "not_json",  # NaN and Infinity are not JSON
    "too_large",  # in bytes or in depth
    "bad_envelope",  # JSON, but not what this topic carries
    "bad_event",  # one element of a frame that its format does not allow
    "bad_address",  # a sensor's address that is not a MAC
    "plaintext_refused",  # there is a key for this sensor, so an unencrypted packet may be forged
    "unknown_topic",
]
Reason = PacketReason | FrameReason
REASONS: tuple[str, ...] = (*get_args(PacketReason), *get_args(FrameReason))


class InvalidPacket(Exception):
    """Service data that cannot be read. `reason` is a PacketReason."""

    def __init__(self, reason: PacketReason) -> None:
        super().__init__(reason)
        self.reason: PacketReason = reason


class InvalidFrame(Exception):
    """A frame that cannot be read as a whole. `reason` is a FrameReason, `detail` one line for people."""

    def __init__(self, reason: FrameReason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason: FrameReason = reason
        self.detail = detail


class Rejected(NamedTuple):
    """What became of a frame, or of one element of it, that cannot be used."""

    reason: Reason
    detail: str = ""
