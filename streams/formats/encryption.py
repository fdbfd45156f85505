"""BTHome v2 encryption (https://bthome.io/encryption): AES-128-CCM, 4-byte tag, no associated data.

Layout after the device-info byte: ciphertext | counter (4 bytes, little-endian) | tag (4 bytes).
The nonce is the MAC in printed order, the service UUID as on air, the device-info byte, the counter as on air.
"""

from collections.abc import Callable
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from streams.formats.reasons import InvalidPacket

_UUID_ON_AIR = b"\xd2\xfc"
_COUNTER = 4
_TAG = 4
_KEY = 16


# what stands between MAC and counter in a nonce, by device-info byte
_AROUND = [_UUID_ON_AIR + bytes((info,)) for info in range(256)]


@lru_cache(maxsize=4096)
def _cipher(key: bytes) -> Callable[[bytes, bytes, bytes | None], bytes]:
    return AESCCM(key, tag_length=_TAG).decrypt


def decrypt(body: bytes, device_info: int, mac: bytes | None, key: bytes | None) -> tuple[bytes, int]:
    """The objects in clear and the counter. `body` is what follows the device-info byte, `mac` six bytes.

    Raises InvalidPacket: too_short, bindkey_missing, bindkey_length, mic_mismatch; ValueError without a MAC.
    """
    if len(body) <= _COUNTER + _TAG:
        raise InvalidPacket("too_short")
    if key is None:
        raise InvalidPacket("bindkey_missing")
    if len(key) != _KEY:
        raise InvalidPacket("bindkey_length")
    if mac is None:
        raise ValueError("an encrypted packet needs the sensor's MAC")
    counter = body[-_COUNTER - _TAG : -_TAG]
    try:
        clear = _cipher(key)(mac + _AROUND[device_info] + counter, body[: -_COUNTER - _TAG] + body[-_TAG:], None)
    except InvalidTag:
        raise InvalidPacket("mic_mismatch") from None
    return clear, int.from_bytes(counter, "little")
