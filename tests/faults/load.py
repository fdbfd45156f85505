"""Traffic: a block of sensors that no other fault has, as gateways bring it to the MQTT broker at QoS 1.

`python -m tests.faults.load PLAN` is the child that publishes; `Load` starts it and waits for it. What was not
acknowledged is published again after a reconnect, unless the plan asks for a real gateway's queue of five messages.
"""

import heapq
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from subprocess import Popen
from zlib import crc32

import msgspec

from cli.child import spawn
from shelly.world.air import Heard
from shelly.world.beacon import Beacon
from shelly.world.gateway import gateway_name
from shelly.world.shapes import SCRIPTS
from tests.faults.gateway import Gateway, Saying
from tests.faults.ledger import LedgerFile, Packet, lines

_ROOT = Path(__file__).parents[2]
_BLOCK_SENSORS = 1 << 16
_CONNECT_SECONDS, _DRAIN_SECONDS = 30, 300
_PULSE = 0.01  # seconds; as finely as a gateway tells the time


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to publish. Durations in seconds, unless the name says milliseconds; a packet's number grows by sensor.

    `copies`: so many gateways hear each packet, each `copy_age_ms` longer ago than the one before, and say so
    `copy_delay` after it. `span`: the packets were sent evenly over so long a time that ends now, as gateways say that
    kept them. `clock_jump_ms`: from the middle on, the gateways' clocks are wrong by so much. `again`: every so
    manieth message is published twice, byte for byte, as QoS 1 does. `new_battery_at`: with this number a sensor
    counts its packet ids from 0 again. `lossless`: a gateway keeps all that waits, not five messages.
    """

    mqtt: str
    ledger: str
    block: int
    rate: float = 1000
    seconds: float = 12
    sensors: int = 500
    gateways: int = 4
    copies: int = 1
    copy_age_ms: int = 0
    copy_delay: float = 0
    span: float = 0
    clock_jump_ms: int = 0
    again: int = 0
    first_packet_id: int = 0
    new_battery_at: int | None = None
    lossless: bool = True

    @property
    def packets(self) -> int:
        """How many packets the sensors send."""
        return int(self.rate * self.seconds / self.copies)

    def sensor(self, index: int) -> str:
        """The address of the block's sensor number `index`."""
        return _address(self.block * _BLOCK_SENSORS + index)

    def packet(self, place: int, sent_at: int) -> Packet:
        """The block's packet at that place in the order of sending: a pure function of both."""
        number, index = divmod(place, self.sensors)
        battery, packet_id = 80, self.first_packet_id + number
        if self.new_battery_at is not None and number >= self.new_battery_at:
            battery, packet_id = 100, number - self.new_battery_at
        dice = crc32(b"%d-%d" % (self.block, place))
        temperature, humidity = (dice % 500 - 100) / 10, (dice >> 16) % 70 + 20
        return Packet(self.sensor(index), number, packet_id % 256, sent_at, temperature, humidity, battery)


@cache
def _address(number: int) -> str:
    text = f"7cc6{number:08x}"
    return ":".join(text[i : i + 2] for i in range(0, 12, 2))


class Load:
    """The child that publishes; `ledger` holds what was acknowledged so far."""

    def __init__(self, plan: Plan, child: "Popen[bytes]") -> None:
        self.plan, self._child = plan, child
        self.ledger = LedgerFile(Path(plan.ledger))

    @property
    def done(self) -> bool:
        """Whether everything is published and acknowledged. A child that failed fails the test."""
        code = self._child.poll()
        assert code in (None, 0), f"the traffic of block {self.plan.block} failed: exit {code}"
        return code == 0

    def end(self) -> None:
        """Nothing new is sent from here on; what waits is still brought to its acknowledgement."""
        self._child.terminate()

    def kill(self) -> None:
        self._child.kill()
        self._child.wait()


@contextmanager
def publishing(plan: Plan) -> Iterator[Load]:
    """Traffic while the context lasts; it ends by itself as planned, and at the context's end at the latest."""
    Path(plan.ledger).touch()
    command = [sys.executable, "-P", "-m", "tests.faults.load", msgspec.json.encode(plan).decode()]
    load = Load(plan, spawn(command, cwd=str(_ROOT), env={**os.environ, "PYTHONPATH": str(_ROOT)}))
    try:
        yield load
    finally:
        load.kill()


def messages(plan: Plan, start: int) -> Iterator[tuple[float, Saying]]:
    """When to publish (unix seconds) and what, in that order; the traffic begins at `start`, unix milliseconds."""
    copies = [_heard(plan, start, copy) for copy in range(plan.copies)]
    return heapq.merge(*copies, key=lambda each: each[0])


def _heard(plan: Plan, start: int, copy: int) -> Iterator[tuple[float, Saying]]:
    """What those gateways say that hear a packet as the `copy`th, from 0."""
    every, later = plan.copies / plan.rate, copy * plan.copy_delay
    for place in range(plan.packets):
        due = start / 1000 + place * every
        sent_at = round(due * 100) * 10
        if plan.span:
            sent_at = start - round(plan.span * 100 * (1 - place / plan.packets)) * 10
        saying = _saying(plan, place, copy, plan.packet(place, sent_at), sent_at + round(later * 100) * 10)
        yield due + later, saying
        if plan.again and place % plan.again == 0:
            yield due + later, saying


def _saying(plan: Plan, place: int, copy: int, packet: Packet, at: int) -> Saying:
    """The packet as one gateway says it at `at`, by the true clock."""
    name = gateway_name(plan.block * 256 + (place + copy) % plan.gateways)
    told = at + (plan.clock_jump_ms if 2 * place >= plan.packets else 0)
    beacon = Beacon(packet.sensor, packet.packet_id, packet.sent_at, {}, service_data(packet), packet.number)
    age = at - packet.sent_at + copy * plan.copy_age_ms
    written = SCRIPTS["bluflow"].write(name, told, place, (Heard(told - age, -60 - copy, beacon),))
    assert written is not None
    topic, payload = written
    return Saying(name, topic.encode(), payload, packet)


def service_data(packet: Packet) -> bytes:
    """BTHome v2, plain: packet id, battery, humidity, the number as a count, temperature in 0.1 °C."""
    tenths = round(packet.temperature * 10).to_bytes(2, "little", signed=True)
    return (
        bytes([0x44, 0x00, packet.packet_id, 0x01, packet.battery, 0x2E, packet.humidity, 0x3E])
        + packet.number.to_bytes(4, "little")
        + b"\x45"
        + tenths
    )


def publish(plan: Plan) -> bool:
    """Publish all of it; whether everything was acknowledged in time."""
    names = [gateway_name(plan.block * 256 + index) for index in range(plan.gateways)]
    gateways = {name: Gateway(plan.mqtt, name, lossless=plan.lossless) for name in names}
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    with Path(plan.ledger).open("ab", buffering=0) as ledger:

        def pulse() -> None:
            time.sleep(_PULSE)
            acked = [saying.packet for gateway in gateways.values() for saying in gateway.exchange()]
            if acked:
                ledger.write(lines(acked))

        def pulse_until(condition: Callable[[], bool], seconds: float) -> bool:
            deadline = time.monotonic() + seconds
            while not condition() and time.monotonic() < deadline:
                pulse()
            return condition()

        if not pulse_until(lambda: all(gateway.connected for gateway in gateways.values()), _CONNECT_SECONDS):
            return False
        now = time.time()
        for due, saying in messages(plan, time.time_ns() // 1_000_000):
            while due > now and not told:
                pulse()
                now = time.time()
            if told:
                break
            gateways[saying.name].say(saying)
        drained = pulse_until(lambda: all(gateway.idle for gateway in gateways.values()), _DRAIN_SECONDS)
        for gateway in gateways.values():
            gateway.close()
        return drained


if __name__ == "__main__":
    sys.exit(0 if publish(msgspec.json.decode(sys.argv[1], type=Plan)) else 1)
