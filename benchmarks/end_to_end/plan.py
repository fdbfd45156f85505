"""What is published in a run, and when: a pure function of the packet's place, so that every process knows it.

Places below 0 are of packets before the run.
"""

import msgspec

from benchmarks.engine.backlog import sensor
from shelly.world.beacon import service_data
from shelly.world.gateway import FIRST_PREFIX

EVERY = 60  # seconds between two packets of a sensor
SENSORS_PER_GATEWAY = 100
# our script's event, as shelly/world/shapes/raw.py writes it
_EVENT = (
    b'{"src":"%b","dst":"%b/events","method":"NotifyEvent","params":{"ts":%b,"events":[{"component":"script:1",'
    b'"id":1,"event":"bluflow","data":{"v":1,"seq":%d,"d":[["%b",-60,0,"%b"]]},"ts":%b}]}}'
)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`sensors` speak once a minute each, evenly, for `seconds` from `start` (unix seconds) on.

    `mqtt`, `api`: host:port. `history`: SQLite's file. `warm`: seconds at the start that no latency counts of.
    `probes`: how many packets a second are looked for.
    """

    mqtt: str
    sensors: int
    seconds: float
    start: float
    api: str = ""
    history: str = ""
    warm: float = 0
    probes: float = 10

    @property
    def rate(self) -> float:
        """Packets a second."""
        return self.sensors / EVERY

    @property
    def packets(self) -> int:
        """In all."""
        return int(self.rate * self.seconds)

    def due(self, place: int) -> float:
        """When the packet at that place is sent, unix seconds."""
        return self.start + place / self.rate

    def who(self, place: int) -> tuple[str, int]:
        """Its sensor and its packet id."""
        number, index = divmod(place, self.sensors)
        return sensor(index), number % 256

    def gateway(self, place: int) -> int:
        """The number of the gateway that hears it."""
        return place % self.sensors // SENSORS_PER_GATEWAY

    def message(self, place: int) -> tuple[bytes, bytes]:
        """MQTT topic and payload; measured when it is due."""
        number, index = divmod(place, self.sensors)
        name = b"shellypro2-%012x" % (FIRST_PREFIX + self.gateway(place))
        data = service_data(number % 256, 90, 40 + index % 30, (200 + (index + number) % 50) / 10).hex().encode()
        at = b"%.2f" % self.due(place)
        return name + b"/events/rpc", _EVENT % (name, name, at, place, sensor(index).encode(), data, at)
