"""The MQTT side: one session after the other, for ever, and what of it had waited in the broker."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from functools import partial

from paho.mqtt.client import MQTTMessage

from bridge.backoff import Backoff
from bridge.in_flight import InFlight
from bridge.metrics import CONNECTED, CONNECTION_FAILURES, CONNECTS, PAUSES
from bridge.route import Filters, marker_topics
from bridge.session import MqttLost, Session
from bridge.settings import BridgeSettings

log = logging.getLogger("bluflow.bridge.mqtt")

# seconds; a frame that waited no longer is live: so good a clock is not corrected (streams/gateways/skew.py), and a
# falling delay that is longer looks to it like one that is wrong
LATE = 4.0
MARK_EVERY = 5.0  # seconds from one marker to the next
_LOST = 10.0  # seconds; the broker may have dropped a marker from a full queue
_STEADY = 30.0  # seconds that a connection must last before the next failure starts a new backoff

# Called with the message, whether it had waited in the broker, and how to ack it.
Arrived = Callable[[MQTTMessage, bool, Callable[[], None]], None]


class Subscriber:
    """Hands every message to `arrived`, with whether it had waited in the MQTT broker and how to ack it.

    The bridge sends itself a nonce at each connect and every few seconds: as long as that takes, frames take too, for
    lack of our acks or of speed. `caught_up` is set while nothing waits: subscribed, and the newest marker is not late.
    """

    def __init__(self, settings: BridgeSettings, in_flight: InFlight, arrived: Arrived) -> None:
        self._settings = settings
        self._in_flight = in_flight
        self._arrived = arrived
        self._markers = marker_topics(settings.client_id, settings.subscriptions)
        self._awaited: set[str] = set()
        self._nonce = b""
        self._marked = 0.0  # when the newest marker went out
        self._session: Session | None = None
        self._leaving = False
        self._backoff = Backoff(first=0.5)
        self._trouble: str | None = "not connected yet"
        self.caught_up = asyncio.Event()
        in_flight.on_room = self._resume

    @property
    def problem(self) -> str | None:
        """Why no frames come from MQTT, None if they can."""
        return f"MQTT at {self._settings.mqtt}: {self._trouble}" if self._trouble else None

    async def run(self) -> None:
        """Until `leave`. A broker that is away or refuses us is tried again; a bug is raised."""
        while not self._leaving:
            await self._in_flight.room.wait()  # when full, not even CONNACK could be read
            began = time.monotonic()
            try:
                await self._hold()
            except (MqttLost, OSError) as error:
                self._trouble = str(error) or type(error).__name__
            if self._leaving:
                return
            CONNECTION_FAILURES.inc()
            if time.monotonic() - began > _STEADY:
                self._backoff.reset()
            delay = self._backoff.next()
            log.warning("%s; trying again in %.1f s", self.problem, delay)
            await asyncio.sleep(delay)

    async def leave(self) -> None:
        """Say `offline` and disconnect."""
        if self._session is not None:
            await self._session.leave()

    def pause(self) -> None:
        """Read no more frames, for good: we are leaving."""
        self._leaving = True
        if self._session is not None:
            self._session.pause()

    async def _hold(self) -> None:
        """One session until it is lost, which raises MqttLost."""
        session = Session(self._settings, self._message)
        try:
            self._awaited.clear()  # an older one says nothing of this connection
            session_present = await session.connect()
            self._session = session
            if not session_present:
                self.caught_up.set()  # a new session has no queue
            await session.subscribe(self._filters())
            self._mark(session)
            self._trouble = None
            CONNECTS.inc()
            CONNECTED.set(1)
            log.info("subscribed at %s, session %s", self._settings.mqtt, "kept" if session_present else "new")
            while not session.lost.done():
                session.keep_alive()
                if self._may_mark():
                    self._mark(session)
                await asyncio.wait({session.lost}, timeout=1.0)
            raise MqttLost(session.lost.result())
        finally:
            CONNECTED.set(0)
            self._session = None
            self.caught_up.clear()
            session.drop()

    def _filters(self) -> list[str]:
        """The subscriptions, and the marker's topic if none of them covers it: only then, else it could overtake."""
        wanted = Filters(self._settings.subscriptions)
        return [*self._settings.subscriptions, *(topic for topic in self._markers if not wanted.match(topic))]

    def _may_mark(self) -> bool:
        """Whether another one is due. While we do not read, one waits in the broker's queue, which is for frames."""
        away = time.monotonic() - self._marked
        if self._awaited:
            return away >= _LOST and not self._in_flight.full
        return away >= MARK_EVERY

    def _mark(self, session: Session) -> None:
        """Send a new nonce; one that is not back yet was late, and says nothing any more."""
        if self._awaited:
            self.caught_up.clear()
        self._nonce, self._awaited, self._marked = secrets.token_hex(8).encode(), set(self._markers), time.monotonic()
        for topic in self._markers:
            session.publish(topic, self._nonce)

    def _late(self) -> bool:
        """Whether the newest marker has been away for too long."""
        return bool(self._awaited) and time.monotonic() - self._marked > LATE

    def _message(self, session: Session, message: MQTTMessage) -> None:
        late = self._late()
        if late:
            self.caught_up.clear()
        if message.payload == self._nonce and self._awaited:
            self._awaited.discard(message.topic)
            if not self._awaited and not late:
                self.caught_up.set()
        queued = not self.caught_up.is_set() and not message.retain
        ack = partial(session.ack, message.mid) if message.qos else _nothing
        self._arrived(message, queued, ack)
        if self._in_flight.full:
            PAUSES.inc()
            session.pause()

    def _resume(self) -> None:
        if self._session is not None and not self._leaving:
            self._session.resume()


def _nothing() -> None:
    """A QoS 0 message has no ack."""
