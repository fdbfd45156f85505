"""One MQTT connection after the other, for ever: paho driven by the event loop, without a thread.

Nothing is kept by the MQTT broker for us: what gateways said while we were away will be said again, or asked for.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from runtime.settings import host_port
from shelly.inventory.metrics import CONNECTED, CONNECTION_FAILURES
from shelly.inventory.settings import InventorySettings

log = logging.getLogger("bluflow.inventory.mqtt")

_SHORTEST, _LONGEST = 0.5, 30.0  # seconds between two tries
_READS_PER_TURN = 50


class Connection:
    """`on_message(topic, payload)` is called with every message, `on_lost()` when a connection is over."""

    def __init__(
        self, settings: InventorySettings, on_message: Callable[[str, bytes], None], on_lost: Callable[[], None]
    ) -> None:
        self._settings, self._on_message, self._on_lost = settings, on_message, on_lost
        self._client: Client | None = None
        self._lost: asyncio.Future[str] | None = None
        self._up = False
        self.trouble: str | None = "not connected yet"

    @property
    def problem(self) -> str | None:
        """Why nothing comes from MQTT, None if it can."""
        return f"MQTT at {self._settings.mqtt}: {self.trouble}" if self.trouble else None

    async def run(self) -> None:
        """Never returns. A broker that is away or refuses us is tried again."""
        delay = _SHORTEST
        while True:
            try:
                await self._hold()
            except OSError as error:
                self.trouble = error.strerror or str(error) or type(error).__name__
            if self._up:
                delay = _SHORTEST
            self._up = False
            CONNECTED.set(0)
            CONNECTION_FAILURES.inc()
            self._on_lost()
            log.warning("%s; trying again", self.problem)
            await asyncio.sleep(delay * random.uniform(0.5, 1))
            delay = min(2 * delay, _LONGEST)

    def publish(self, topic: str, payload: bytes) -> None:
        """Send at QoS 1; lost with the connection."""
        if self._client is not None:
            self._client.publish(topic, payload, qos=1)

    async def _hold(self) -> None:
        """One connection until it is lost; sets `trouble` to why. Raises OSError if there is none."""
        loop, settings = asyncio.get_running_loop(), self._settings
        lost = self._lost = loop.create_future()
        client = Client(CallbackAPIVersion.VERSION2, client_id=settings.client_id, reconnect_on_failure=False)
        client.connect_timeout = 5.0
        client.on_connect, client.on_subscribe = self._connected, self._subscribed
        client.on_message, client.on_disconnect = self._message, self._disconnected
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
            client.subscribe([(text, 1) for text in self._settings.subscriptions])

    def _subscribed(self, client: Client, data: Any, mid: int, codes: list[Any], properties: Any) -> None:
        if any(code.is_failure for code in codes):
            self._end("the broker does not let us subscribe")
            return
        self._up, self.trouble = True, None
        CONNECTED.set(1)
        log.info("subscribed at %s", self._settings.mqtt)

    def _message(self, client: Client, data: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return  # no gateway's
        self._on_message(topic, bytes(message.payload))

    def _disconnected(self, client: Client, data: Any, flags: Any, code: Any, properties: Any) -> None:
        self._end(f"connection lost: {code}")

    def _end(self, why: str) -> None:
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(why)


def _ignore(_: object) -> None:
    """For callbacks that must not return what the loop does."""
