"""A simulated gateway: collects what it hears and says when a message is due. No clock, no network."""

from dataclasses import dataclass, field

from shelly.envelopes import FORMATS, Format, Heard, heartbeat
from shelly.native import Components

FIRST_PREFIX = 0xA8032ABE54D0
NATIVE = "native"  # no script: the firmware's own components


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message of a gateway, due at `at` (unix milliseconds), and which copies it carries."""

    at: int
    gateway: str
    topic: str
    payload: bytes
    heard: tuple[Heard, ...] = ()


@dataclass(slots=True)
class Gateway:
    """One gateway and the script that runs on it; a native one has `components` instead."""

    index: int
    format: str
    started_at: int
    batch: list[Heard] = field(default_factory=list)
    batch_number: int = 0
    counts: dict[str, int] = field(default_factory=lambda: {"heard": 0, "sent": 0})
    last_ids: dict[str, int] = field(default_factory=dict)
    components: Components | None = None

    @property
    def name(self) -> str:
        """Device id and topic prefix alike, as on a gateway that nobody renamed."""
        return f"shellypro2-{FIRST_PREFIX + self.index:012x}"

    @property
    def script(self) -> Format:
        return FORMATS[self.format]

    def hear(self, at: int, heard: Heard) -> Message | None:
        """Take one copy; gives the batch as a message if this copy filled it."""
        script = self.script
        self.counts["heard"] += 1
        if script.filters:
            name = script.filters(heard.beacon)
            if self.last_ids.get(name) == heard.beacon.packet_id:
                return None
            self.last_ids[name] = heard.beacon.packet_id
        self.batch.append(heard)
        return self.flush(at) if len(self.batch) >= script.most else None

    def hear_natively(self, at: int, heard: Heard) -> tuple[Message, Message] | None:
        """Take one copy; the device's and the sensors' notification of it, unless it is known or not paired."""
        beacon, components = heard.beacon, self.components
        if components is None or not components.knows(beacon.sensor):
            return None
        if self.last_ids.get(beacon.sensor) == beacon.packet_id:
            return None
        self.last_ids[beacon.sensor] = beacon.packet_id
        device = Message(at, self.name, *components.device_status(at, heard))
        # the packet is acknowledged with its last part
        return device, Message(at, self.name, *components.sensor_status(at, beacon), (heard,))

    def flush(self, at: int) -> Message | None:
        """The batch as one message; None if the script has nothing to say about it."""
        heard, self.batch = tuple(self.batch), []
        self.batch_number += 1
        written = self.script.write(self.name, at, self.counts["sent"], heard)
        if written is None:
            return None
        self.counts["sent"] += 1
        return Message(at, self.name, *written, heard)

    def beat(self, at: int) -> Message:
        """The script's heartbeat."""
        up = (at - self.started_at) // 1000
        return Message(at, self.name, *heartbeat(self.name, at, up=up, **self.counts))
