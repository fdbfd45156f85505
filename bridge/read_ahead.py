"""The MQTT socket as paho is given it: what has come is read at once, whatever part of it paho asks for.

paho asks for a packet's first byte, for each byte of its length and for the rest: four calls of the system a message.
"""

from typing import Any

from paho.mqtt.client import PUBACK, Client
from paho.mqtt.enums import MQTTErrorCode

_AHEAD = 64 * 1024  # bytes


class ReadAhead:
    """A non-blocking socket, plain or TLS, with what paho and the event loop need of one."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._read, self._at = b"", 0
        self.send, self.close, self.fileno, self.setblocking = sock.send, sock.close, sock.fileno, sock.setblocking
        self._decrypted = getattr(sock, "pending", int)  # of a plain socket none

    def pending(self) -> int:
        """Bytes that are here and were not asked for yet: no selector tells of them."""
        return len(self._read) - self._at + int(self._decrypted())

    def recv(self, size: int) -> bytes:
        """As a socket's: at most `size` bytes; raises BlockingIOError, or what TLS has for it, while there are none."""
        if self._at == len(self._read):
            self._read, self._at = self._sock.recv(_AHEAD), 0
        found = self._read[self._at : self._at + size]
        self._at += len(found)
        return found


class ReadAheadClient(Client):
    """paho's client on such a socket, and what waits to be written goes out in one call of the system.

    It has no public way to either; its version is pinned.
    """

    def _create_socket(self) -> ReadAhead:
        return ReadAhead(super()._create_socket())

    def _packet_write(self) -> MQTTErrorCode:
        waiting = self._out_packet
        if len(waiting) > 1 and all(packet["command"] == PUBACK for packet in waiting):  # paho does nothing after those
            joined = b"".join(packet["packet"][packet["pos"] :] for packet in waiting)
            packet = waiting[-1]
            waiting.clear()
            packet["packet"], packet["pos"], packet["to_process"] = joined, 0, len(joined)
            waiting.append(packet)
        return super()._packet_write()
