"""A delivery record: of the packets that a sensor sent in one hour, how many were heard, and by whom."""

import msgspec

HOUR_MS = 3_600_000


class Delivery(msgspec.Struct, frozen=True, omit_defaults=True):
    """One sensor in [start, start + 1 h), unix milliseconds, by the times at which its packets were measured.

    `expected`: packets sent, by their ids; `heard`: of them by any gateway, each once; `by_gateway`: by each, by its
    identity. `unknown_ms`: for how long of the hour ids cannot tell what was sent. Apply only if `revision` is higher
    than what is held; until it is `final`, a packet after a silence may still tell what was sent in it.
    """

    sensor: str
    start: int
    expected: int
    heard: int
    by_gateway: dict[str, int]
    revision: int
    unknown_ms: int = 0
    final: bool = False

    @property
    def key(self) -> bytes:
        """The record key; the identity in every store. The partition is that of the sensor alone."""
        return f"{self.sensor}|{self.start}".encode()
