"""An aggregate: what one numeric quantity of a sensor did in one window of event time."""

import msgspec

SECOND = 1000  # milliseconds
FIVE_MINUTES, HOUR, DAY = 300, 3600, 86_400  # widths in seconds
WIDTHS = (FIVE_MINUTES, HOUR, DAY)


class Aggregate(msgspec.Struct, frozen=True, omit_defaults=True):
    """One quantity in [start, start + width). `start`, `first_at`, `last_at` in unix milliseconds, `width` in seconds.

    A record of five minutes comes when they are half over, over, and final; of an hour with each quarter of it that is
    final, of a day with each hour.

    `index` tells instances of a quantity apart that a packet repeats. Days are UTC. Apply only if `revision` is
    higher than what is held; after `final` no record of this window follows, but for a rebuild.
    """

    sensor: str
    quantity: str
    index: int
    width: int
    start: int
    count: int
    min: float
    max: float
    mean: float
    first: float
    first_at: int
    last: float
    last_at: int
    revision: int
    final: bool = False

    @property
    def key(self) -> bytes:
        """The record key; the identity of the aggregate in every store. The partition is that of the sensor alone."""
        return f"{self.sensor}|{self.quantity}|{self.index}|{self.width}|{self.start}".encode()


def window_start(measured_at: int, width: int) -> int:
    """Start of the window of `width` seconds that holds `measured_at`, both in unix milliseconds. UTC days."""
    return measured_at - measured_at % (width * SECOND)
