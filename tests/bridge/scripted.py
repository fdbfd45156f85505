"""An MQTT broker that a test writes by hand: sends what it is told and notes every PUBACK, connection by connection."""

import asyncio
import ssl
import struct
from dataclasses import dataclass, field


@dataclass
class Connection:
    """What one connection of the bridge said; `puback` holds message ids in the order of their acks, `signs` counts
    the QoS 0 messages, which only keep it alive, `published` holds (topic, payload) of the QoS 1 ones."""

    writer: asyncio.StreamWriter
    puback: list[int] = field(default_factory=list)
    signs: int = 0
    published: list[tuple[str, bytes]] = field(default_factory=list)
    subscribed: asyncio.Event = field(default_factory=asyncio.Event)

    def publish(self, topic: bytes, payload: bytes, mid: int, *, dup: bool = False) -> None:
        """A PUBLISH at QoS 1."""
        self.writer.write(publish_packet(topic, payload, mid, dup=dup))

    def markers(self) -> list[tuple[str, bytes]]:
        """What the bridge sent to itself so far."""
        return [(topic, payload) for topic, payload in self.published if not topic.endswith("/state")]

    def echo(self, marker: tuple[str, bytes], mid: int) -> None:
        """Send a marker back."""
        self.publish(marker[0].encode(), marker[1], mid)

    def cut(self) -> None:
        self.writer.transport.abort()


class ScriptedBroker:
    """`async with ScriptedBroker() as broker:` listens on `address`. `connack` is the code that it answers with."""

    def __init__(self, *, session_present: bool = False, connack: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.connections: list[Connection] = []
        self._hello = bytes([0x20, 2, session_present, connack])

    async def __aenter__(self) -> "ScriptedBroker":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for connection in self.connections:
            connection.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(writer)
        try:
            while True:
                kind, body = await read_packet(reader)
                match kind >> 4:
                    case 1:  # CONNECT
                        self.connections.append(connection)
                        writer.write(self._hello)
                    case 3 if kind & 0x06:  # PUBLISH: PUBACK; what it says comes back only if the test sends it
                        skip = 2 + int.from_bytes(body[:2])
                        connection.published.append((body[2:skip].decode(), body[skip + 2 :]))
                        writer.write(b"\x40\x02" + body[skip : skip + 2])
                    case 3:
                        connection.signs += 1
                    case 4:  # PUBACK
                        connection.puback.append(int.from_bytes(body))
                    case 8:  # SUBSCRIBE: one code for each filter
                        filters, rest = 0, body[2:]
                        while rest:
                            rest, filters = rest[3 + int.from_bytes(rest[:2]) :], filters + 1
                        writer.write(packet(0x90, body[:2] + b"\x01" * filters))
                        connection.subscribed.set()
                    case 12:  # PINGREQ
                        writer.write(b"\xd0\x00")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()  # the bridge hung up, or the test cut it


def publish_packet(topic: bytes, payload: bytes, mid: int, *, dup: bool = False) -> bytes:
    """A PUBLISH at QoS 1, as bytes."""
    return packet(0x32 | dup << 3, struct.pack("!H", len(topic)) + topic + mid.to_bytes(2) + payload)


def packet(kind: int, body: bytes) -> bytes:
    """An MQTT packet: first byte, length in 7-bit groups, body."""
    length, rest = bytearray(), len(body)
    while True:
        rest, low = rest >> 7, rest & 0x7F
        length.append(low | (0x80 if rest else 0))
        if not rest:
            return bytes([kind]) + bytes(length) + body


async def read_packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """(first byte, body). Raises IncompleteReadError at the end of the connection."""
    kind = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        digit = (await reader.readexactly(1))[0]
        length |= (digit & 0x7F) << shift
        shift += 7
        if not digit & 0x80:
            return kind, await reader.readexactly(length)
