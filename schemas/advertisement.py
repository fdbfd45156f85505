"""An advertisement: one packet as one gateway heard it, decoded; or a tick of the bridge's clock."""

from typing import Any, Literal

import msgspec

from schemas.gateway import GatewayChange

# gateway: the frame's own time. arrival: the frame had none that can be trusted, so the bridge's clock.
# unknown: it waited in a queue and has no time of its own.
TimeSource = Literal["gateway", "arrival", "unknown"]

# Why a sensor that was heard is not believed. plaintext_refused: it has a bind key and did not encrypt.
# bindkey_missing: it encrypts, and has no key. mic_mismatch: its key is another one, or the packet was forged.
RefusalReason = Literal["plaintext_refused", "bindkey_missing", "mic_mismatch"]

# A property's value as BTHome gives it; a property that is repeated in a packet is a list.
Values = dict[str, Any]


class Coordinate(msgspec.Struct, frozen=True, array_like=True, order=True):
    """Where in the raw log something came from; grows within one raw partition.

    `epoch` counts the times that the raw partition lost its tail, `index` is the place inside the frame.
    """

    epoch: int
    partition: int
    offset: int
    index: int


class Stopped(msgspec.Struct, frozen=True):
    """Where decoding had to stop: `reason` is unknown_object_id or truncated, `rest_hex` what was left."""

    reason: str
    rest_hex: str


class Advertisement(msgspec.Struct, frozen=True, tag="advertisement", tag_field="kind", omit_defaults=True):
    """One packet as one gateway heard it. Times in unix milliseconds, rssi in dBm.

    `values` holds every property of the packet, packet_id too. `counter` is there if it was encrypted.
    """

    sensor: str
    gateway: str
    measured_at: int
    received_at: int
    time_source: TimeSource
    values: Values
    format: str
    at: Coordinate
    rssi: int | None = None
    encrypted: bool = False
    counter: int | None = None
    trigger_based: bool | None = None
    service_data_hex: str | None = None
    local_name: str | None = None
    model_id: int | None = None
    stopped: Stopped | None = None
    flags: tuple[str, ...] = ()


class Tick(msgspec.Struct, frozen=True, tag="tick", tag_field="kind", omit_defaults=True):
    """The bridge's clock (unix milliseconds) as it passed through one raw partition.

    `gateways`: which gateways of that partition fell silent or spoke again since its last tick.
    """

    time: int
    at: Coordinate
    gateways: tuple[GatewayChange, ...] = ()


class CounterReset(msgspec.Struct, frozen=True, tag="counter-reset", tag_field="kind"):
    """An operator's word that a sensor's encryption counter begins anew: its next packet sets it.

    `received_at` in unix milliseconds.
    """

    sensor: str
    received_at: int
    at: Coordinate


class Refusal(msgspec.Struct, frozen=True, tag="refusal", tag_field="kind"):
    """A sensor was heard, and nothing of it is believed: but that it came, and why it is refused, is known.

    `received_at` in unix milliseconds.
    """

    sensor: str
    received_at: int
    at: Coordinate
    reason: RefusalReason = "plaintext_refused"
