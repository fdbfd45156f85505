"""What has come from MQTT and is not yet acknowledged there: in receipt order, bounded, acked from the oldest on."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.metrics import IN_FLIGHT, IN_FLIGHT_BYTES
from bridge.route import Record

_OVERHEAD = 500  # bytes that a delivery costs in memory beside its record, roughly


@dataclass(slots=True, eq=False)
class Delivery:
    """One MQTT message on its way. `ack` is called once, in receipt order, when Kafka has the record.

    Without a record there is nothing to deliver and the message only waits for its turn to be acked.
    """

    record: Record | None
    ack: Callable[[], None]
    delivered: bool = False
    since: float = field(default_factory=time.monotonic)
    size: int = 0


class InFlight:
    """The deliveries in receipt order: those given to the producer, then those still to be sent.

    `changed` is set when there is something to send, `room` while the bound is not reached; `on_room` is called
    when there is room again. `taken`: how many came in so far.
    """

    def __init__(self, max_count: int, max_bytes: int) -> None:
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._sent: deque[Delivery] = deque()
        self._unsent: deque[Delivery] = deque()
        self._bytes = self.taken = 0
        self.changed = asyncio.Event()
        self.room = asyncio.Event()
        self.room.set()
        self.on_room: Callable[[], None] | None = None
        self.empty = asyncio.Event()
        self.empty.set()
        IN_FLIGHT.set_function(lambda: len(self))
        IN_FLIGHT_BYTES.set_function(lambda: self._bytes)

    @property
    def full(self) -> bool:
        return not self.room.is_set()

    def add(self, delivery: Delivery) -> None:
        """Take a message in. At the bound `room` is cleared: the caller stops reading, nothing is refused."""
        delivery.size = _OVERHEAD + (delivery.record.size() if delivery.record else 0)
        self._unsent.append(delivery)
        self._bytes += delivery.size
        self.taken += 1
        self.empty.clear()
        self.changed.set()
        if len(self) >= self._max_count or self._bytes >= self._max_bytes:
            self.room.clear()

    def next_unsent(self) -> Delivery | None:
        """The oldest that the producer has not been given; it stays there until `sent`."""
        while self._unsent and self._unsent[0].record is None:
            nothing_to_deliver = self._unsent[0]
            self.sent()
            self.delivered(nothing_to_deliver)
        return self._unsent[0] if self._unsent else None

    def sent(self) -> None:
        """The oldest unsent is with the producer now."""
        self._sent.append(self._unsent.popleft())

    def delivered(self, delivery: Delivery) -> None:
        """Kafka has it: ack it and those behind it that only waited for it."""
        delivery.delivered = True
        while self._sent and self._sent[0].delivered:
            oldest = self._sent.popleft()
            self._bytes -= oldest.size
            oldest.ack()
        # Half empty before reading goes on: pausing and resuming at every frame would cost more than the frames.
        if self.full and len(self) <= self._max_count // 2 and self._bytes <= self._max_bytes // 2:
            self.room.set()
            if self.on_room is not None:
                self.on_room()
        if not self:
            self.empty.set()

    def rewind(self) -> int:
        """Begin again from the oldest unacked, delivered or not, so that order holds. Returns how many go again."""
        again = len(self._sent)
        for delivery in self._sent:
            delivery.delivered = False
        self._unsent.extendleft(reversed(self._sent))
        self._sent.clear()
        self.changed.set()
        return again

    def age(self) -> float:
        """Seconds since the oldest came in; 0.0 if there is none."""
        oldest = self._sent[0] if self._sent else self._unsent[0] if self._unsent else None
        return time.monotonic() - oldest.since if oldest else 0.0

    def __len__(self) -> int:
        return len(self._sent) + len(self._unsent)
