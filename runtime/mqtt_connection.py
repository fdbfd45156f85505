"""One MQTT connection after the other, for ever: paho driven by the event loop, without a thread.

Nothing is kept by the MQTT broker for us: what was said while we were away is gone, what we say is lost with the
connection. The bridge, which must lose nothing, has a session of its own.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from runtime.mqtt_settings import MqttSettings
from runtime.settings import host_port

log = logging.getLogger("bluflow.mqtt")

_SHORTEST, _LONGEST = 0.5, 30.0  # seconds between two tries
_READS_PER_TURN = 50
_LEAVE_SECONDS = 2.0


class Message(NamedTuple):
    """What is sent or heard, at QoS 1. `retain`: kept by the broker for whoever comes later."""

    topic: str
    payload: bytes
    retain: bool = False


def _nothing() -> None:
    pass


class MqttConnection:
    """`on_message` is called with every message, `on_up` once we are subscribed, `on_lost` when a connection is over.

    `on_lost` is called for one that never came about, too. `will` is said in our name when we vanish or leave.
    """

    def __init__(
        self,
        settings: MqttSettings,
        subscriptions: Sequence[str],
        on_message: Callable[[Message], None],
        *,
        on_up: Callable[[], None] = _nothing,
        on_lost: Callable[[], None] = _nothing,
        will: Message | None = None,
    ) -> None:
        self._settings, self._subscriptions, self._will = settings, subscriptions, will
        self._on_message, self._on_up, self._on_lost = on_message, on_up, on_lost
        self._client: Client | None = None
        self._lost: asyncio.Future[str] | None = None
        self._up = self._leaving = False
        self.trouble: str | None = "not connected yet"

    @property
    def problem(self) -> str | None:
        """Why nothing comes from MQTT, None if it can."""
        return f"MQTT at {self._settings.mqtt}: {self.trouble}" if self.trouble else None

    async def run(self) -> None:
        """Until `leave`. A broker that is away or refuses us is tried again."""
        delay = _SHORTEST
        while not self._leaving:
            try:
                await self._hold()
            except OSError as error:
                self.trouble = error.strerror or str(error) or type(error).__name__
            if self._leaving:
                return
            if self._up:
                delay = _SHORTEST
            self._up = False
            self._on_lost()
            log.warning("%s; trying again", self.problem)
            await asyncio.sleep(delay * random.uniform(0.5, 1))  # noqa: S311 - no secret, so that not all come at once
            delay = min(2 * delay, _LONGEST)

    def publish(self, message: Message) -> None:
        """Send it; it is lost with the connection."""
        if self._client is not None:
            self._client.publish(message.topic, message.payload, qos=1, retain=message.retain)

    async def leave(self) -> None:
        """Say the will and disconnect in order."""
        self._leaving = True
        if self._client is not None and self._lost is not None:
            if self._will is not None:
                self.publish(self._will)
            self._client.disconnect()
            await asyncio.wait({self._lost}, timeout=_LEAVE_SECONDS)

    async def _hold(self) -> None:
        """One connection until it is lost; sets `trouble` to why. Raises OSError if there is none."""
        loop, settings = asyncio.get_running_loop(), self._settings
        lost = self._lost = loop.create_future()
        client = Client(CallbackAPIVersion.VERSION2, client_id=settings.client_id, reconnect_on_failure=False)
        client.connect_timeout = 5.0
        client.on_connect, client.on_subscribe = self._connected, self._subscribed
        client.on_message, client.on_disconnect = self._message, self._disconnected
        if self._will is not None:
            client.will_set(self._will.topic, self._will.payload, qos=1, retain=self._will.retain)
        if settings.user is not None:
            client.username_pw_set(settings.user, settings.secret())
        if settings.ca_file is not None:
            client.tls_set(ca_certs=str(settings.ca_file))
        host, port = host_port(settings.mqtt)
        # in the executor: it blocks for the name, TCP and TLS; nothing else touches the client meanwhile
        await loop.run_in_executor(None, lambda: client.connect(host, port, settings.keepalive_seconds))
        sock: Any = client.socket()
        if sock is None:
            self.trouble = "the connection broke at once"
            return
        client.on_socket_register_write = lambda *_: loop.add_writer(sock, client.loop_write)
        client.on_socket_unregister_write = lambda *_: _ignore(loop.remove_writer(sock))
        loop.add_reader(sock, self._readable, client)
        if client.want_write():
            loop.add_writer(sock, client.loop_write)
        self._client = client
        try:
            while not lost.done():
                client.loop_misc()
                await asyncio.wait({lost}, timeout=1.0)
            self.trouble = lost.result()
        finally:
            self._client = None
            client.on_socket_register_write = client.on_socket_unregister_write = None
            if sock.fileno() >= 0:
                loop.remove_reader(sock)
                loop.remove_writer(sock)
            client.disconnect()
            sock.close()

    def _readable(self, client: Client) -> None:
        try:
            client.loop_read(_READS_PER_TURN)
        except Exception as error:  # a bug: through `lost`, since nobody awaits us
            if self._lost is not None and not self._lost.done():
                self._lost.set_exception(error)

    def _connected(self, client: Client, data: Any, flags: Any, code: Any, properties: Any) -> None:
        if code.is_failure:
            self._end(f"refused: {code}")
        else:
            client.subscribe([(text, 1) for text in self._subscriptions])

    def _subscribed(self, client: Client, data: Any, mid: int, codes: list[Any], properties: Any) -> None:
        if any(code.is_failure for code in codes):
            self._end("the broker does not let us subscribe")
            return
        self._up, self.trouble = True, None
        self._on_up()
        log.info("subscribed at %s", self._settings.mqtt)

    def _message(self, client: Client, data: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return  # nobody's that we know
        self._on_message(Message(topic, bytes(message.payload), message.retain))

    def _disconnected(self, client: Client, data: Any, flags: Any, code: Any, properties: Any) -> None:
        self._end(f"connection lost: {code}")

    def _end(self, why: str) -> None:
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(why)


def _ignore(_: object) -> None:
    """For callbacks that must not return what the loop does."""
