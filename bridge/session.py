"""One MQTT connection, from CONNECT to its loss: paho driven by the event loop, without a thread."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from bridge.read_ahead import ReadAheadClient
from bridge.route import OWN
from bridge.settings import BridgeSettings
from runtime.settings import host_port

_ANSWER_SECONDS = 10.0  # for CONNACK and SUBACK
_READS_PER_TURN = 50  # packets read before the loop gets to other work

T = TypeVar("T")
OnMessage = Callable[["Session", MQTTMessage], None]


class MqttLost(Exception):
    """The broker refused us, did not answer, or went away; the text says which."""


def state_topic(client_id: str) -> str:
    """Where the bridge says `online` and its last will `offline`."""
    return f"{OWN}/bridge/{client_id}/state"


class Session:
    """One connection. `lost` resolves with the reason when it is over, or with the exception that broke it.

    A new paho client for each: message ids begin anew, so nothing of one connection can be acked on the next.
    """

    def __init__(self, settings: BridgeSettings, on_message: OnMessage) -> None:
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._on_message = on_message
        self._state_topic = state_topic(settings.client_id)
        self._connack: asyncio.Future[bool] = self._loop.create_future()
        self._suback: asyncio.Future[list[ReasonCode]] = self._loop.create_future()
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self._paused = False
        self._received = 0
        self._last_sign = time.monotonic()
        self._sock: Any = None
        self._client = ReadAheadClient(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            clean_session=False,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        self._client.connect_timeout = 5.0
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._subscribed
        self._client.on_message = self._message
        self._client.on_disconnect = self._disconnected
        self._client.will_set(self._state_topic, "offline", qos=1, retain=True)

    async def connect(self) -> bool:
        """Connect and say `online`. Returns whether the broker had kept our session.

        Raises MqttLost, or OSError if there is no connection or a file of the settings cannot be read.
        """
        if self._settings.user is not None:
            self._client.username_pw_set(self._settings.user, self._settings.secret())
        if self._settings.ca_file is not None:
            self._client.tls_set(ca_certs=str(self._settings.ca_file))
        host, port = host_port(self._settings.mqtt)
        # In the executor: it blocks for the name, the TCP and the TLS handshake. The thread ends with the call and
        # nothing else touches the client meanwhile. CONNECT goes out there, so writing is watched only from here on.
        await self._loop.run_in_executor(
            None, lambda: self._client.connect(host, port, self._settings.keepalive_seconds)
        )
        self._sock = self._client.socket()
        if self._sock is None:
            raise MqttLost("the connection broke at once")
        self._client.on_socket_register_write = self._watch_writing
        self._client.on_socket_unregister_write = self._unwatch_writing
        self._client.on_socket_close = self._socket_closes
        self._loop.add_reader(self._sock, self._readable)
        if self._client.want_write():
            self._watch_writing(self._client, None, self._sock)
        session_present = await self._answer(self._connack, "CONNACK")
        self.publish(self._state_topic, b"online", retain=True)
        return session_present

    async def subscribe(self, filters: list[str]) -> None:
        """Subscribe at QoS 1 and wait for SUBACK. Raises MqttLost if the broker refuses one of them."""
        self._client.subscribe([(text, 1) for text in filters])
        answers = await self._answer(self._suback, "SUBACK")
        denied = [text for text, code in zip(filters, answers, strict=True) if code.is_failure]
        if denied:
            raise MqttLost(f"the broker does not let us subscribe to {', '.join(denied)}")

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos, retain)

    def ack(self, mid: int) -> None:
        """PUBACK, unless this connection is over: the broker then delivers the message again on the next."""
        if not self.lost.done():
            self._client.ack(mid, 1)

    def pause(self) -> None:
        """Stop reading. The socket's buffers fill and the MQTT broker keeps the rest."""
        if not self._paused and not self.lost.done():
            self._paused = True
            self._loop.remove_reader(self._sock)

    def resume(self) -> None:
        """Read on."""
        if self._paused and not self.lost.done():
            self._paused = False
            self._loop.add_reader(self._sock, self._readable)
            self._loop.call_soon(self._readable)  # what was read ahead no selector shows

    def keep_alive(self) -> None:
        """Call about once a second."""
        now = time.monotonic()
        if not self._paused:
            self._client.loop_misc()
        elif now - self._last_sign > self._settings.keepalive_seconds / 2:
            # paho would ping, not see the answer that we do not read, and hang up. Any packet keeps us alive.
            self._last_sign = now
            self.publish(self._state_topic, b"online", qos=0, retain=True)

    async def leave(self) -> None:
        """Say `offline` and disconnect in order; acks given before are sent before."""
        if not self.lost.done():
            self.publish(self._state_topic, b"offline", retain=True)
            self._client.disconnect()
            await asyncio.wait({self.lost}, timeout=2.0)

    def drop(self) -> None:
        """Close whatever is left. To be called at the end, whatever happened."""
        self._socket_closes(self._client, None, self._sock)
        self._end("closed by us")
        # These refer back to us; without them the client's sockets go now and not when the collector comes by.
        self._client.on_socket_close = self._client.on_socket_register_write = None
        self._client.on_socket_unregister_write = self._client.on_message = None
        self._client.on_connect = self._client.on_subscribe = self._client.on_disconnect = None
        if self._sock is not None:
            self._sock.close()

    async def _answer(self, answer: "asyncio.Future[T]", name: str) -> T:
        either: set[asyncio.Future[Any]] = {answer, self.lost}
        await asyncio.wait(either, timeout=_ANSWER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        if self.lost.done():
            raise MqttLost(self.lost.result())
        raise MqttLost(f"no {name} in {_ANSWER_SECONDS:.0f} s")

    # What paho and the loop call.

    def _readable(self) -> None:
        try:
            for _ in range(_READS_PER_TURN):
                before = self._received
                self._client.loop_read()
                if self._paused or self.lost.done():
                    return
                if self._received == before and not self._sock.pending():
                    break
            else:
                self._loop.call_soon(self._readable)
        except Exception as error:
            # A bug. Reported through `lost`, since nobody awaits us; the message stays unacked.
            self._end(error)

    def _writable(self) -> None:
        self._client.loop_write()
        if self._client.want_write() and not self.lost.done():
            self._loop.add_writer(self._sock, self._writable)

    def _connected(self, client: Client, data: Any, flags: ConnectFlags, code: ReasonCode, properties: Any) -> None:
        if code.is_failure:
            self._end(f"refused: {code}")
        elif not self._connack.done():
            self._connack.set_result(flags.session_present)

    def _subscribed(self, client: Client, data: Any, mid: int, codes: list[ReasonCode], properties: Any) -> None:
        if not self._suback.done():
            self._suback.set_result(codes)

    def _message(self, client: Client, data: Any, message: MQTTMessage) -> None:
        self._received += 1
        self._on_message(self, message)

    def _disconnected(self, client: Client, data: Any, flags: Any, code: ReasonCode, properties: Any) -> None:
        self._end(f"connection lost: {code}")

    def _watch_writing(self, client: Client, data: Any, sock: Any) -> None:
        # Nearly always there is room: what one turn of the loop says goes out at its end, without asking.
        self._loop.call_soon(self._writable)

    def _unwatch_writing(self, client: Client, data: Any, sock: Any) -> None:
        self._loop.remove_writer(sock)

    def _socket_closes(self, client: Client, data: Any, sock: Any) -> None:
        if sock is not None and sock.fileno() >= 0:
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)

    def _end(self, why: str | Exception) -> None:
        if self.lost.done():
            return
        if isinstance(why, str):
            self.lost.set_result(why)
        else:
            self.lost.set_exception(why)
