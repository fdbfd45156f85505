"""`python -m benchmarks.end_to_end.load PLAN`: gateways that publish at QoS 1 when a packet is due, whatever became of
those before. MQTT 3.1.1 by hand on few connections: some microseconds a message, so that there is a core left.
"""

import select
import socket
import sys
import time

import msgspec

from benchmarks.end_to_end.plan import Plan
from benchmarks.meter import cpu_seconds, say
from runtime.settings import host_port

CONNECTIONS = 20
_PATIENCE = 60.0  # seconds for the last acknowledgements
_PUBACK_BYTES = 4
_IDS = 65_535


class Sent(msgspec.Struct, frozen=True):
    """What came of the load: messages sent and acknowledged; how late the worst was sent (seconds); CPU seconds."""

    sent: int
    acked: int
    late: float
    cpu: float


def connect(address: str, name: str) -> socket.socket:
    """A clean session, without keep-alive."""
    client = name.encode()
    body = b"\x00\x04MQTT\x04\x02\x00\x00" + len(client).to_bytes(2, "big") + client
    connection = socket.create_connection(host_port(address), timeout=_PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(b"\x10" + _length(len(body)) + body)
    answer = connection.recv(4, socket.MSG_WAITALL)
    if answer != b"\x20\x02\x00\x00":
        raise ConnectionError(f"mosquitto says {answer!r}")
    return connection


def publish_packet(topic: bytes, payload: bytes, number: int) -> bytes:
    """PUBLISH at QoS 1 as its bytes."""
    body = len(topic).to_bytes(2, "big") + topic + (number % _IDS + 1).to_bytes(2, "big") + payload
    return b"\x32" + _length(len(body)) + body


def _length(number: int) -> bytes:
    found = bytearray()
    while True:
        number, low = divmod(number, 128)
        found.append(low | (128 if number else 0))
        if not number:
            return bytes(found)


def _acknowledged(connections: list[socket.socket]) -> int:
    """Bytes of PUBACKs that are there."""
    readable, _, _ = select.select(connections, [], [], 0)
    return sum(len(connection.recv(1 << 16)) for connection in readable)


def play(plan: Plan) -> Sent:
    """Until all is acknowledged, or a minute after the last was due."""
    connections = [connect(plan.mqtt, f"bench-gateway-{number}") for number in range(CONNECTIONS)]
    place, acked, late = 0, 0, 0.0
    last = plan.due(plan.packets) + _PATIENCE
    while (acked < plan.packets * _PUBACK_BYTES or place < plan.packets) and time.time() < last:
        now, buffers = time.time(), [bytearray() for _ in connections]
        while place < plan.packets and plan.due(place) <= now:
            buffers[plan.gateway(place) % CONNECTIONS] += publish_packet(*plan.message(place), place)
            late = max(late, time.time() - plan.due(place))
            place += 1
        for connection, buffer in zip(connections, buffers, strict=True):
            if buffer:
                connection.sendall(buffer)
        acked += _acknowledged(connections)
        time.sleep(max(0.001, min(0.01, plan.due(place) - time.time())))
    for connection in connections:
        connection.close()
    return Sent(place, acked // _PUBACK_BYTES, late, cpu_seconds())


if __name__ == "__main__":
    say(play(msgspec.json.decode(sys.argv[1], type=Plan)))
