"""A gateway of the load: one MQTT connection at QoS 1, by hand and in the caller's thread.

`shelly.publisher` does the same as a real client, with a thread a connection; it took two fifths of a core at
1,000 frames/s, which the pipeline under trial then lacked.
"""

import itertools
import select
import socket
import time
from collections import deque
from contextlib import suppress
from typing import NamedTuple

from benchmarks.mqtt import PACKET_IDS, acknowledged, connect, disconnect, publish_packet
from shelly.world.outbox import KEPT
from tests.faults.ledger import Packet

_AGAIN = 1.0  # seconds between two tries to connect
_PATIENCE = 30.0  # seconds that the MQTT broker may take for what it is sent
_CHUNK = 1 << 16  # bytes


class Saying(NamedTuple):
    """One message of the gateway `name`, and the packet that it carries."""

    name: str
    topic: bytes
    payload: bytes
    packet: Packet


class Gateway:
    """`say` hands messages over, `exchange` brings them. What was on its way when the connection broke is sent again.

    What comes while the connection is away waits: all of it if `lossless`, else the newest five as in a real gateway.
    """

    def __init__(self, address: str, name: str, *, lossless: bool) -> None:
        self._address, self.name, self._lossless = address, name, lossless
        self._waiting: deque[Saying] = deque()
        self._unacked: dict[int, Saying] = {}
        self._ids = itertools.cycle(PACKET_IDS)
        self._connection: socket.socket | None = None
        self._rest = b""
        self._not_before = 0.0

    @property
    def connected(self) -> bool:
        return self._connection is not None

    @property
    def idle(self) -> bool:
        """Whether everything that it said was acknowledged."""
        return not self._waiting and not self._unacked

    def say(self, saying: Saying) -> None:
        """Takes its turn at the next `exchange`."""
        self._waiting.append(saying)

    def exchange(self) -> list[Saying]:
        """Send what waits, connecting first if need be; gives what was acknowledged since the last time."""
        try:
            if self._connection is None:
                self._connection = self._connect()
            if self._connection is not None:
                self._send(self._connection)
                return self._acknowledged(self._connection)
        except OSError:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
        while not self._lossless and len(self._waiting) > KEPT:
            self._waiting.popleft()
        return []

    def close(self) -> None:
        """In order."""
        if self._connection is not None:
            with suppress(OSError):
                disconnect(self._connection)

    def _connect(self) -> socket.socket | None:
        """The new connection, on which what is not acknowledged was sent again; None if it is too soon to try."""
        if time.monotonic() < self._not_before:
            return None
        self._not_before = time.monotonic() + _AGAIN
        online = f"{self.name}/online".encode()
        connection = connect(self._address, self.name, will=(online, b"false"), seconds=_PATIENCE)
        self._rest = b""
        packets = [publish_packet(online, b"true", next(self._ids))]
        packets += [publish_packet(each.topic, each.payload, mid, again=True) for mid, each in self._unacked.items()]
        connection.sendall(b"".join(packets))
        return connection

    def _send(self, connection: socket.socket) -> None:
        packets = []
        while self._waiting:
            saying, packet_id = self._waiting.popleft(), next(self._ids)
            self._unacked[packet_id] = saying
            packets.append(publish_packet(saying.topic, saying.payload, packet_id))
        if packets:
            connection.sendall(b"".join(packets))

    def _acknowledged(self, connection: socket.socket) -> list[Saying]:
        if not select.select([connection], [], [], 0)[0]:
            return []
        came = connection.recv(_CHUNK)
        if not came:
            raise ConnectionError("the MQTT broker hung up")
        ids, self._rest = acknowledged(self._rest + came)
        return [self._unacked.pop(each) for each in ids if each in self._unacked]
