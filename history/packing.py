"""A raw record as a few bytes: key, headers and value, exactly as written, compressed against what frames look like."""

import zlib
from collections.abc import Sequence
from typing import cast

import msgspec

from schemas.frame import Headers

# What a frame is likely to contain, the likeliest last. A record is too short for zlib to learn this by itself: with
# the dictionary it takes a third of the room. NEVER change one: add the next, under the next number.
_DICTIONARIES = {
    1: (
        b'{"id":0,"source":"switch","output":false,"apower":0.0,"voltage":230.0,"current":0.000,"aenergy":{"total":0.000,'
        b'"by_minute":[0.000,0.000,0.000],"minute_ts":1700000000},"temperature":{"tC":40.0,"tF":104.0}}'
        b'"ble":{},"cloud":{"connected":false},"mqtt":{"connected":true},"wifi":{"sta_ip":"192.168.1.1",'
        b'"status":"got ip","ssid":"","rssi":-60}"sys":{"mac":"","restart_required":false,"uptime":0}'
        b'"method":"NotifyStatus","method":"NotifyFullStatus","params":{"ts":17'
        b'"bthomesensor:200":{"id":200,"value":21.5,"last_updated_ts":17,"bthomedevice:200":{"rssi":-60,"packet_id":1,"battery":100'
        b'"component":"script:1","id":1,"event":"shelly-blu","data":{"encryption":false,"BTHome_version":2,"pid":1,'
        b'"battery":100,"humidity":45,"temperature":21.5,"rssi":-66,"address":"7c:c6:b6:"},"ts":17'
        b"/status/switch:0/status/ble/online/events/ble\x8c\xa6online"
        b'"v":1,"hb":{"up":1000,"heard":100,"sent":100,"dropped":0,"mem":10000}}'
        b'{"src":"shellyplus1pm-shellyplus2pm-shellyplugsg3-shelly1minig3-shellyblugwg3-shellypro2-a8032a","dst":"shelly'
        b'/events","method":"NotifyEvent","params":{"ts":17.00,"events":[{"component":"script:1","id":1,"event":"bluflow",'
        b'"data":{"v":1,"seq":1,"d":[["7c:c6:b6:",-66,120,"44004e01642e3f45df00"],["0b:",-70,0,"440001642e2d45c800"]]},"ts":17.00}]}}'
        b"\x93\xc0\x96\x92\xaamqtt-topic\xc4/events/rpc\x92\xa3qos\xc4\x011\x92\xa6retain\xc4\x010\x92\xa3dup\xc4\x010"
        b"\x92\xabreceived-at\xc4\x0d17\x92\xa6queued\xc4\x010\xc5\x01"
        b"\x93\xc0\x92\x92\xa4tick\xc4\x011\x92\xabreceived-at\xc4\x0d17\xc4\x00"
    )
}
_NEWEST = 1
_NO_HEADER = -zlib.MAX_WBITS  # SQLite has checksums enough above it and the dictionary's number stands in front

_encode = msgspec.msgpack.Encoder().encode
# Kafka allows a header without a value; none of ours is one, but the archive gives back whatever was written.
_decode = msgspec.msgpack.Decoder(tuple[bytes | None, list[tuple[str, bytes | None]], bytes | None]).decode


def pack(key: bytes | None, headers: Sequence[tuple[str, bytes]], value: bytes | None) -> bytes:
    """The record as bytes, the dictionary's number first. Equal records give equal bytes."""
    squeezer = zlib.compressobj(6, wbits=_NO_HEADER, memLevel=8, zdict=_DICTIONARIES[_NEWEST])
    return bytes([_NEWEST]) + squeezer.compress(_encode((key, headers, value))) + squeezer.flush()


def unpack(packed: bytes) -> tuple[bytes | None, Headers, bytes | None]:
    """Key, headers, value. Raises ValueError for bytes that `pack` of this or an older version did not write."""
    dictionary = _DICTIONARIES.get(packed[0]) if packed else None
    if dictionary is None:
        raise ValueError("archived record: unknown packing")
    try:
        key, headers, value = _decode(zlib.decompressobj(_NO_HEADER, dictionary).decompress(packed[1:]))
    except zlib.error as error:
        raise ValueError(f"archived record: {error}") from error
    return key, cast(Headers, headers), value
