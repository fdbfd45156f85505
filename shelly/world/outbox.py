"""The firmware's queue of MQTT messages: while the connection is away it keeps five of QoS 1 and drops the oldest."""

from collections import deque

from shelly.world.message import Lost, Message, Sent

KEPT = 5


class Outbox:
    """What waits for the connection."""

    def __init__(self) -> None:
        self._waiting: deque[Message] = deque()

    def offer(self, at: int, message: Message) -> Sent:
        """Keep it; gives what is lost by that."""
        if message.qos == 0:
            return [Lost(at, message.gateway, "not_kept", message.heard)]
        self._waiting.append(message)
        if len(self._waiting) <= KEPT:
            return []
        oldest = self._waiting.popleft()
        return [Lost(at, oldest.gateway, "queue_full", oldest.heard)]

    def drain(self) -> list[Message]:
        """All that waits, oldest first; none of it waits any longer."""
        waiting, self._waiting = list(self._waiting), deque()
        return waiting
