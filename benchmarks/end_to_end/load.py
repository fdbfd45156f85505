"""`python -m benchmarks.end_to_end.load PLAN`: gateways that publish at QoS 1 when a packet is due, whatever became of
those before. By hand on few connections, so that there is a core left.
"""

import select
import socket
import sys
import time

import msgspec

from benchmarks.end_to_end.plan import Plan
from benchmarks.meter import cpu_seconds, say
from benchmarks.mqtt import PACKET_IDS, PUBACK_BYTES, connect, publish_packet

CONNECTIONS = 20
_PATIENCE = 60.0  # seconds for the last acknowledgements


class Sent(msgspec.Struct, frozen=True):
    """What came of the load: messages sent and acknowledged; how late the worst was sent (seconds); CPU seconds."""

    sent: int
    acked: int
    late: float
    cpu: float


def _acknowledged(connections: list[socket.socket]) -> int:
    """Bytes of PUBACKs that are there."""
    readable, _, _ = select.select(connections, [], [], 0)
    return sum(len(connection.recv(1 << 16)) for connection in readable)


def play(plan: Plan) -> Sent:
    """Until all is acknowledged, or a minute after the last was due."""
    connections = [connect(plan.mqtt, f"bench-gateway-{number}", seconds=_PATIENCE) for number in range(CONNECTIONS)]
    place, acked, late = 0, 0, 0.0
    last = plan.due(plan.packets) + _PATIENCE
    while (acked < plan.packets * PUBACK_BYTES or place < plan.packets) and time.time() < last:
        now, buffers = time.time(), [bytearray() for _ in connections]
        while place < plan.packets and plan.due(place) <= now:
            packet_id = PACKET_IDS[place % len(PACKET_IDS)]
            buffers[plan.gateway(place) % CONNECTIONS] += publish_packet(*plan.message(place), packet_id)
            late = max(late, time.time() - plan.due(place))
            place += 1
        for connection, buffer in zip(connections, buffers, strict=True):
            if buffer:
                connection.sendall(buffer)
        acked += _acknowledged(connections)
        time.sleep(max(0.001, min(0.01, plan.due(place) - time.time())))
    for connection in connections:
        connection.close()
    return Sent(place, acked // PUBACK_BYTES, late, cpu_seconds())


if __name__ == "__main__":
    say(play(msgspec.json.decode(sys.argv[1], type=Plan)))
