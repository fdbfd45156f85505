"""Records to JSON bytes and back. Unknown fields are ignored, so that writers may run ahead of readers."""

import msgspec

from schemas.advertisement import Advertisement, Tick
from schemas.reading import Latest, Reading

encode = msgspec.json.Encoder(order="deterministic").encode
decode_advertisement = msgspec.json.Decoder(Advertisement | Tick).decode
decode_reading = msgspec.json.Decoder(Reading).decode
decode_latest = msgspec.json.Decoder(Latest).decode

__all__ = ["decode_advertisement", "decode_latest", "decode_reading", "encode"]
