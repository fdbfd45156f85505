"""Plays simulated messages over MQTT, QoS 1, one connection a gateway as in a real house.

A real gateway that cannot reach its MQTT broker keeps five messages and drops the oldest; so does this one, unless it
is `lossless`. All bookkeeping happens in the caller's thread: paho's threads only put what happened into a queue.
"""

import logging
import queue
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from runtime.paho_thread import wait_for_end
from runtime.settings import host_port
from shelly.world.message import Message
from shelly.world.outbox import KEPT

log = logging.getLogger(__name__)

# A question's topic and payload -> the answer's, or None.
Answer = Callable[[str, bytes], tuple[str, bytes] | None]

MOST_CONNECTIONS = 64  # paho runs a thread for each; beyond this, gateways share one
_LOSSLESS_WINDOW = 100


@dataclass(slots=True)
class _Connection:
    client: paho.Client
    gateways: tuple[str, ...]
    up: bool = False
    lost: bool = False
    unacked: dict[int, Message] = field(default_factory=dict)
    waiting: deque[Message] = field(default_factory=deque)

    @property
    def name(self) -> str:
        return self.gateways[0]


class Publisher:
    """MQTT's publishing side. `on_acked` is called with every message that the MQTT broker acknowledged,
    `on_dropped` with those that did not fit into the queue of a gateway without one.

    `answers`: gateway -> what answers the questions on its `<gateway>/rpc`.
    """

    def __init__(
        self,
        address: str,
        gateways: Iterable[str],
        *,
        user: str = "",
        password: str = "",
        ca_file: Path | None = None,
        lossless: bool = False,
        on_acked: Callable[[Message], None] = lambda _: None,
        on_dropped: Callable[[Message], None] = lambda _: None,
        answers: Mapping[str, Answer] = {},
    ) -> None:
        self.acked = self.dropped = 0
        self._lossless = lossless
        self._window = _LOSSLESS_WINDOW if lossless else KEPT
        self._on_acked, self._on_dropped = on_acked, on_dropped
        self._answers = answers
        self._happened: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.stopped = False
        names = list(gateways)
        shares = min(len(names), MOST_CONNECTIONS)
        self._connections = [
            _Connection(_client(tuple(names[i::shares])), tuple(names[i::shares])) for i in range(shares)
        ]
        self._by_gateway = {name: link for link in self._connections for name in link.gateways}
        for link in self._connections:
            self._open(link, host_port(address), user, password, ca_file)

    def _open(self, link: _Connection, address: tuple[str, int], user: str, password: str, ca: Path | None) -> None:
        client, happened = link.client, self._happened

        def on_connect(_: Any, __: Any, ___: Any, reason: Any, ____: Any) -> None:
            happened.put(lambda: self._connected(link, "" if reason == 0 else str(reason)))

        def on_connect_fail(*_: Any) -> None:
            happened.put(lambda: self._unreachable(link))

        def on_disconnect(*_: Any) -> None:
            happened.put(lambda: self._unreachable(link))

        def on_publish(_: Any, __: Any, mid: int, *___: Any) -> None:
            happened.put(lambda: self._acknowledged(link, mid))

        client.on_connect, client.on_connect_fail = on_connect, on_connect_fail

        def on_message(_: Any, __: Any, message: paho.MQTTMessage) -> None:
            happened.put(lambda: self._asked(link, message.topic, bytes(message.payload)))

        client.on_disconnect, client.on_publish, client.on_message = on_disconnect, on_publish, on_message
        if user:
            client.username_pw_set(user, password)
        if ca:
            client.tls_set(str(ca))
        client.max_inflight_messages_set(self._window)
        client.reconnect_delay_set(1, 30)
        client.connect_async(*address, keepalive=60)
        client.loop_start()

    def wait_connected(self, seconds: float) -> bool:
        """Wait until every gateway is connected; False if one is not in time."""
        deadline = time.monotonic() + seconds
        while not all(link.up for link in self._connections):
            if self.stopped or time.monotonic() > deadline:
                return False
            self._pump(0.2)
        return True

    def play(self, messages: Iterable[Message], *, due: Callable[[Message], float]) -> None:
        """Publish each message at `due(message)` (unix seconds; past means at once) until the end or `stop`."""
        for message in messages:
            while not self.stopped and (wait := due(message) - time.time()) > 0:
                self._pump(wait)
            if self.stopped:
                return
            self.offer(message)

    def offer(self, message: Message) -> None:
        """Hand one message over; waits while the MQTT broker is there but slow."""
        link = self._by_gateway[message.gateway]
        link.waiting.append(message)
        self._send(link)
        while link.up and link.waiting and not self.stopped:
            self._pump(1.0)
        mine = [one for one in link.waiting if one.gateway == message.gateway]
        if not self._lossless and len(mine) > KEPT:
            link.waiting.remove(mine[0])
            self.dropped += 1
            self._on_dropped(mine[0])

    def drain(self, seconds: float) -> bool:
        """Wait until everything is acknowledged; False if it is not in time."""
        deadline = time.monotonic() + seconds
        while any(link.waiting or link.unacked for link in self._connections):
            if self.stopped or time.monotonic() > deadline:
                return False
            self._pump(0.2)
        return True

    def stop(self) -> None:
        """Make `play` and `drain` return; may be called from a signal handler."""
        self.stopped = True
        self._happened.put(lambda: None)

    def close(self) -> None:
        """Disconnect in order."""
        for link in self._connections:
            link.client.disconnect()
        for link in self._connections:
            wait_for_end(link.client)

    def _pump(self, seconds: float) -> None:
        """Do what paho's threads reported, waiting for the first report at most `seconds`."""
        try:
            self._happened.get(timeout=seconds)()
            while True:
                self._happened.get_nowait()()
        except queue.Empty:
            return

    def _connected(self, link: _Connection, refused: str) -> None:
        if refused:
            log.warning("%s: the MQTT broker refuses: %s", link.name, refused)
            return
        log.info("%s: connected", link.name)
        link.up, link.lost = True, False
        for gateway in link.gateways:
            if gateway in self._answers:
                link.client.subscribe(f"{gateway}/rpc", qos=1)
            link.client.publish(f"{gateway}/online", b"true", qos=1)
        self._send(link)

    def _asked(self, link: _Connection, topic: str, payload: bytes) -> None:
        answer = self._answers[topic.removesuffix("/rpc")](topic, payload)
        if answer is not None:
            link.client.publish(*answer, qos=1)

    def _unreachable(self, link: _Connection) -> None:
        # paho tries again for ever; one line an outage is enough
        link.up = False
        if not link.lost:
            link.lost = True
            log.warning("%s: no connection to the MQTT broker, trying again", link.name)

    def _acknowledged(self, link: _Connection, mid: int) -> None:
        message = link.unacked.pop(mid, None)
        if message is not None:
            self.acked += 1
            self._on_acked(message)
        self._send(link)

    def _send(self, link: _Connection) -> None:
        # only what the window takes goes to paho: paho keeps all it was given, a gateway does not
        while link.up and link.waiting and len(link.unacked) < self._window:
            message = link.waiting.popleft()
            link.unacked[link.client.publish(message.topic, message.payload, qos=message.qos).mid] = message


def _client(gateways: tuple[str, ...]) -> paho.Client:
    client_id = f"{gateways[0]}-{secrets.token_hex(2)}"  # two simulators must not push each other out
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id)
    if len(gateways) == 1:
        client.will_set(f"{gateways[0]}/online", b"false", qos=0, retain=False)
    return client
