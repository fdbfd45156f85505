"""A gateway: its place, clock and program, whether it runs and has a connection, and what waits for that."""

from collections.abc import Iterable
from dataclasses import replace
from random import Random

from shelly.world.air import Heard, Place
from shelly.world.clock import STEP, Clock
from shelly.world.components import WAYS, Components
from shelly.world.message import Lost, Message, Sent
from shelly.world.noise import noise
from shelly.world.outbox import Outbox
from shelly.world.scenario import GatewayPlan
from shelly.world.script import Script
from shelly.world.shapes import SCRIPTS

FIRST_PREFIX = 0xA8032ABE54D0
SHAPES = (*SCRIPTS, *WAYS)


def gateway_name(index: int, seed: int = 1) -> str:
    """Device id and topic prefix alike, as on a gateway that nobody renamed. Worlds of other seeds have others: what
    was learned of one, such as its components, does not hold for the next."""
    return f"shellypro2-{FIRST_PREFIX + ((seed - 1) % 65536 << 16) + index:012x}"


class Gateway:
    """One gateway, switched on at `start` (unix milliseconds). `paired`: sensor -> its properties, if it is native."""

    def __init__(
        self, index: int, plan: GatewayPlan, place: Place, seed: int, start: int, paired: dict[str, Iterable[str]]
    ) -> None:
        self.index, self.plan, self.place = index, plan, place
        self.name = gateway_name(index, seed)
        self.clock = Clock(start, plan.ahead, plan.drift)
        self.components = Components(self.name, plan.shape, self.clock, paired) if plan.shape in WAYS else None
        self.running = self.online = True
        self.boots = 0  # which of its lives this is
        self.flushing = False  # somebody has been asked to call `flush`
        self._dice = Random(f"{seed}-noise-{index}")
        self._outbox = Outbox()
        self.boot(start)

    def boot(self, at: int) -> None:
        """Start with nothing remembered."""
        self.running, self.flushing = True, False
        self.boots += 1
        if self.components:
            self.components.forget()
            self.program: Script | Components = self.components
        else:
            self.program = Script(self.name, SCRIPTS[self.plan.shape], self.clock, at)

    def hear(self, at: int, heard: Heard) -> Sent:
        """Take one copy."""
        return self.program.hear(at, heard, online=self.online) if self.running else []

    def flush(self, at: int) -> Sent:
        """What has waited long enough in the script."""
        self.flushing = False
        return self.program.flush(at, online=self.online)

    @property
    def beats(self) -> bool:
        """Whether its program gives a sign of life: ours does."""
        return self.plan.shape == "bluflow"

    def beat(self, at: int) -> Sent:
        """The script's heartbeat, which it leaves out while MQTT is away."""
        return [self.program.beat(at)] if isinstance(self.program, Script) and self.online else []

    def chatter(self, at: int) -> Message:
        """Something that its firmware tells, and nobody asked for."""
        return Message(at, self.name, *noise(self.name, self.clock.told(at), self._dice))

    def send(self, at: int, message: Message) -> Sent:
        """Hand one message to MQTT; gives it, or what is lost."""
        return [message] if self.online else self._outbox.offer(at, message)

    def connect(self, at: int) -> Sent:
        """Say so, then what waited, in order."""
        self.online = True
        waited = [replace(message, at=at + STEP * place) for place, message in enumerate(self._outbox.drain(), 1)]
        return [Message(at, self.name, f"{self.name}/online", b"true"), *waited]

    def stop(self, at: int) -> Sent:
        """Lose power, and all that waits."""
        self.running = self.online = False
        gone = [*self.program.waiting, *(heard for message in self._outbox.drain() for heard in message.heard)]
        return [Lost(at, self.name, "reboot", tuple(gone))] if gone else []

    def will(self, at: int) -> Message:
        """What the MQTT broker says of it when it has missed it long enough."""
        return Message(at, self.name, f"{self.name}/online", b"false", qos=0)
