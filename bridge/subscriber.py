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

# A delivery that took longer means that the broker has kept frames back, for lack of our acks.
STALLED = 10.0
_MARKER_AGAIN = 10.0  # seconds; the broker may have dropped a marker from a full queue
_STEADY = 30.0  # seconds that a connection must last before the next failure starts a new backoff

# Called with the message, whether it had waited in the broker, and how to ack it.
Arrived = Callable[[MQTTMessage, bool, Callable[[], None]], None]


class Subscriber:
    """Hands every message to `arrived`, with whether it had waited in the MQTT broker and how to ack it.

    The bridge sends itself a nonce: what arrives before it comes back may have waited. `caught_up` is set while
    nothing waits: subscribed, and every marker came back.
    """

    def __init__(self, settings: BridgeSettings, in_flight: InFlight, arrived: Arrived) -> None:
        self._settings = settings
        self._in_flight = in_flight
        self._arrived = arrived
        self._markers = marker_topics(settings.client_id, settings.subscriptions)
        self._awaited: set[str] = set()
        self._nonce = b""
        self._marker_sent = 0.0
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
            self._mark()
            session_present = await session.connect()
            self._session = session
            if not session_present:
                self._awaited.clear()
                self.caught_up.set()  # a new session has no queue
            await session.subscribe(self._filters())
            self._send_marker()
            self._trouble = None
            CONNECTS.inc()
            CONNECTED.set(1)
            log.info("subscribed at %s, session %s", self._settings.mqtt, "kept" if session_present else "new")
            while not session.lost.done():
                session.keep_alive()
                if not self.caught_up.is_set() and time.monotonic() - self._marker_sent > _MARKER_AGAIN:
                    self._send_marker()
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

    def _mark(self) -> None:
        """From here on frames may have waited, until a new nonce comes back; an older one says nothing any more."""
        self._nonce = secrets.token_hex(8).encode()
        self._awaited = set(self._markers)
        self.caught_up.clear()

    def _send_marker(self) -> None:
        if self._session is not None:
            self._marker_sent = time.monotonic()
            for topic in self._awaited:
                self._session.publish(topic, self._nonce)

    def _message(self, session: Session, message: MQTTMessage) -> None:
        if message.payload == self._nonce:
            self._awaited.discard(message.topic)
            if not self._awaited:
                self.caught_up.set()
        queued = not self.caught_up.is_set() and not message.retain
        ack = partial(self._ack, session, message.mid, time.monotonic()) if message.qos else _nothing
        self._arrived(message, queued, ack)
        if self._in_flight.full:
            PAUSES.inc()
            session.pause()

    def _resume(self) -> None:
        if self._session is not None and not self._leaving:
            self._session.resume()

    def _ack(self, session: Session, mid: int, arrived: float) -> None:
        now = time.monotonic()
        if now - arrived > STALLED and session is self._session and now - self._marker_sent > 1.0:
            self._mark()
            self._send_marker()
        session.ack(mid)


def _nothing() -> None:
    """A QoS 0 message has no ack."""
