"""A reading: what one packet said, once, whoever heard it. And the latest state of a sensor."""

import msgspec

from schemas.advertisement import Coordinate, RefusalReason, TimeSource, Values

# Flag of a reading that was made again from the archive: the history may hold it by another gateway's copy.
RESTORED = "restored"


class Reading(msgspec.Struct, frozen=True, omit_defaults=True):
    """One packet of one sensor, emitted at its first copy. Times in unix milliseconds, rssi in dBm.

    `measured_at` is unique within the sensor; with `sensor` it is the reading's identity in every store.
    `values` leaves out packet_id, which stands beside it. They are corrected by the registry's offsets; of what that
    changed, `measured` has what the sensor said.
    """

    sensor: str
    measured_at: int
    received_at: int
    time_source: TimeSource
    gateway: str
    values: Values
    format: str
    at: Coordinate
    rssi: int | None = None
    packet_id: int | None = None
    counter: int | None = None
    flags: tuple[str, ...] = ()
    measured: Values = {}

    @property
    def said(self) -> Values:
        """The values as the sensor sent them: what they are compared by, whatever was corrected since."""
        return {**self.values, **self.measured} if self.measured else self.values


class LatestValue(msgspec.Struct, frozen=True, array_like=True):
    """The newest value of one property and when it was measured (unix milliseconds)."""

    value: object
    measured_at: int


class Reception(msgspec.Struct, array_like=True):
    """How one gateway hears a sensor: newest rssi in dBm, when (unix milliseconds), copies so far."""

    rssi: int | None
    heard_at: int
    copies: int


class Refused(msgspec.Struct, frozen=True, array_like=True):
    """A sensor was heard and not believed: since when (unix milliseconds), how often, why."""

    since: int
    times: int
    reason: RefusalReason = "plaintext_refused"


class Delivered(msgspec.Struct, frozen=True, array_like=True):
    """Packets of a sensor since the pipeline first heard it: sent, by their ids, and of them heard."""

    expected: int
    heard: int


class Latest(msgspec.Struct, frozen=True, omit_defaults=True):
    """The newest of a sensor by measured time. Apply only if `revision` is higher than what is held.

    `last_seen` is when a live packet last reached the bridge; late data never moves it. A sensor whose every packet was
    refused has neither time nor gateway, no values and no reading. `values` are corrected by the registry's offsets of
    their time; of what that changed, `measured` has what the sensor said.
    """

    sensor: str
    revision: int
    measured_at: int | None
    last_seen: int | None
    time_source: TimeSource | None
    gateway: str | None
    values: dict[str, LatestValue]
    readings: int
    rssi: int | None = None
    packet_id: int | None = None
    flags: tuple[str, ...] = ()
    receptions: dict[str, Reception] = {}
    refused: Refused | None = None
    delivered: Delivered | None = None
    measured: Values = {}
