"""A script that runs on a gateway: filters copies, collects, writes. No clock but the gateway's, no network."""

from shelly.world.air import Heard
from shelly.world.clock import Clock
from shelly.world.message import Lost, Message, Sent
from shelly.world.shapes import Shape
from shelly.world.shapes.shape import heartbeat

_RECENT = 32  # packets that a script with a time for copies remembers
_EVENTS_A_SECOND = 4  # of a script that holds, after MQTT was away


class Script:
    """The script with that shape on the gateway of that name, started at `started_at` (unix milliseconds)."""

    def __init__(self, gateway: str, shape: Shape, clock: Clock, started_at: int) -> None:
        self.shape = shape
        self.waiting: list[Heard] = []
        self._gateway, self._clock, self._started_at = gateway, clock, started_at
        self._heard = self._sent = self._dropped = self._events = 0
        self._recent: dict[str, tuple[object, int]] = {}

    @property
    def wait(self) -> int:
        """How long it collects, milliseconds."""
        return self.shape.wait

    def hear(self, at: int, heard: Heard, *, online: bool) -> Sent:
        """Take one copy; gives what it sends or loses by that."""
        self._heard += 1
        if self._is_copy(at, heard):
            return []
        self.waiting.append(heard)
        gone: Sent = []
        if len(self.waiting) > self.shape.keeps:
            self._dropped += 1
            gone = [Lost(at, self._gateway, "script_full", (self.waiting.pop(0),))]
        if len(self.waiting) >= self.shape.most:
            gone += self.flush(at, online=online, most=1)
        return gone

    def flush(self, at: int, *, online: bool, most: int = _EVENTS_A_SECOND) -> Sent:
        """What waits, in at most so many messages; nothing while it holds."""
        sent: Sent = []
        while self.waiting and len(sent) < most and (online or not self.shape.holds):
            batch, self.waiting = self.waiting[: self.shape.most], self.waiting[self.shape.most :]
            offset = self._clock.offset(at)
            shifted = [Heard(one.at + offset, one.rssi, one.beacon) for one in batch]
            written = self.shape.write(self._gateway, at + offset, self._events, shifted)
            if written is None:
                continue
            self._events += 1
            self._sent += len(batch)
            carried = tuple(one for one in batch if self.shape.carries(one.beacon))
            sent.append(Message(at, self._gateway, *written, carried, self.shape.qos))
        return sent

    def beat(self, at: int) -> Message:
        """Its sign of life."""
        up = (at - self._started_at) // 1000
        counts = {"heard": self._heard, "sent": self._sent, "dropped": self._dropped}
        return Message(at, self._gateway, *heartbeat(self._gateway, self._clock.told(at), up=up, **counts))

    def _is_copy(self, at: int, heard: Heard) -> bool:
        if self.shape.copy_of is None:
            return False
        name, what = self.shape.copy_of(heard.beacon)
        held, same = self._recent.get(name), self.shape.same
        if held and held[0] == what and (same is None or at - held[1] < same):
            return True
        self._recent.pop(name, None)
        self._recent[name] = (what, at)
        if same is not None and len(self._recent) > _RECENT:
            del self._recent[next(iter(self._recent))]
        return False
