"""Records to JSON bytes and back. Unknown fields are ignored, so that writers may run ahead of readers."""

import msgspec

from schemas.advertisement import Advertisement, CounterReset, Refusal, Tick
from schemas.aggregate import Aggregate
from schemas.delivery import Delivery
from schemas.freshness import Transition
from schemas.gateway import Clock, GatewayState
from schemas.reading import Latest, Reading
from schemas.registry import Entry

encode = msgspec.json.Encoder(order="deterministic").encode
decode_advertisement = msgspec.json.Decoder(Advertisement | Tick | CounterReset | Refusal).decode
decode_reading = msgspec.json.Decoder(Reading).decode
decode_latest = msgspec.json.Decoder(Latest).decode
decode_aggregate = msgspec.json.Decoder(Aggregate).decode
decode_delivery = msgspec.json.Decoder(Delivery).decode
decode_transition = msgspec.json.Decoder(Transition).decode
decode_gateway = msgspec.json.Decoder(GatewayState).decode
decode_entry = msgspec.json.Decoder(Entry).decode
decode_clock = msgspec.json.Decoder(Clock).decode

__all__ = [
    "decode_advertisement",
    "decode_aggregate",
    "decode_clock",
    "decode_delivery",
    "decode_entry",
    "decode_gateway",
    "decode_latest",
    "decode_reading",
    "decode_transition",
    "encode",
]
