"""MQTT 3.1.1 by hand, as much of it as who publishes at QoS 1 needs: some microseconds a message, where a client with
threads takes a hundred.
"""

import socket

from runtime.settings import host_port

PACKET_IDS = range(1, 1 << 16)
_KEEP_ALIVE = (1 << 16) - 1  # seconds; rumqttd takes no 0, which would be none
_CLEAN_SESSION, _WILL = 0x02, 0x04
PUBACK_BYTES = 4


def connect(address: str, client_id: str, *, will: tuple[bytes, bytes] | None = None, seconds: float) -> socket.socket:
    """A connection with a clean session that needs no pings, whose sends block for at most `seconds`.

    `will`: topic and payload of what the MQTT broker says at QoS 0 when the connection is lost. Raises OSError.
    """
    texts = [client_id.encode(), *(will or ())]
    flags = _CLEAN_SESSION | (_WILL if will else 0)
    body = b"\x00\x04MQTT\x04" + bytes([flags]) + _KEEP_ALIVE.to_bytes(2, "big")
    body += b"".join(len(text).to_bytes(2, "big") + text for text in texts)
    connection = socket.create_connection(host_port(address), timeout=seconds)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        connection.sendall(b"\x10" + _length(len(body)) + body)
        answer = connection.recv(4, socket.MSG_WAITALL)
        if answer != b"\x20\x02\x00\x00":
            raise ConnectionError(f"the MQTT broker at {address} says {answer!r}")
    except OSError:
        connection.close()
        raise
    return connection


def disconnect(connection: socket.socket) -> None:
    """In order: no last will is spoken."""
    try:
        connection.sendall(b"\xe0\x00")
    finally:
        connection.close()


def publish_packet(topic: bytes, payload: bytes, packet_id: int, *, again: bool = False) -> bytes:
    """PUBLISH at QoS 1 as its bytes; `again`: it may have been delivered before."""
    body = len(topic).to_bytes(2, "big") + topic + packet_id.to_bytes(2, "big") + payload
    return (b"\x3a" if again else b"\x32") + _length(len(body)) + body


def acknowledged(pubacks: bytes) -> tuple[list[int], bytes]:
    """The packet ids of whole PUBACKs, and the beginning of one that is not whole."""
    whole = len(pubacks) // PUBACK_BYTES * PUBACK_BYTES
    ids = [int.from_bytes(pubacks[at + 2 : at + 4], "big") for at in range(0, whole, PUBACK_BYTES)]
    return ids, pubacks[whole:]


def _length(number: int) -> bytes:
    found = bytearray()
    while True:
        number, low = divmod(number, 128)
        found.append(low | (128 if number else 0))
        if not number:
            return bytes(found)
