"""The picture: one MQTT message from its arrival to its ack, and the process around it."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from functools import lru_cache

from paho.mqtt.client import MQTTMessage

from bridge.in_flight import Delivery, InFlight
from bridge.metrics import IGNORED, QUEUED, RECEIVED
from bridge.producer import Forwarder
from bridge.quiet import say_once
from bridge.route import Filters, frame_record, is_own, unreadable_topic
from bridge.settings import BridgeSettings
from bridge.subscriber import Subscriber
from bridge.ticks import tick
from runtime.health import health_page
from runtime.page_keys import page_keys
from runtime.tls import page_tls
from schemas.frame import Frame

log = logging.getLogger("bluflow.bridge")

TOPICS = 50_000  # of which is remembered whether they are forwarded; some 10 MB


class Bridge:
    """subscriber -> `arrived` -> in flight -> forwarder -> Kafka -> ack in receipt order."""

    def __init__(self, settings: BridgeSettings) -> None:
        self._prefix = settings.topic_prefix
        wanted = Filters(settings.subscriptions)
        # asked for every message, of few topics
        self._forwards = lru_cache(TOPICS)(lambda topic: not is_own(topic) and wanted.match(topic))
        self.in_flight = InFlight(settings.max_in_flight, settings.max_in_flight_bytes)
        self.subscriber = Subscriber(settings, self.in_flight, self.arrived)
        self.forwarder = Forwarder(settings, self.in_flight)

    def arrived(self, message: MQTTMessage, queued: bool, ack: Callable[[], None]) -> None:
        """One message: stamp it, make its record, put it in line. The forwarder delivers it and then calls `ack`."""
        received_at = time.time_ns() // 1_000_000
        unreadable = None
        try:
            topic = message.topic
        except UnicodeDecodeError as error:
            unreadable = error.object
            topic = error.object.decode(errors="replace")
        if not self._forwards(topic):
            IGNORED.inc()
            self.in_flight.add(Delivery(None, ack))
            return
        RECEIVED.inc()
        if queued:
            QUEUED.inc()
        frame = Frame(topic, bytes(message.payload), received_at, message.qos, message.retain, message.dup, queued)
        record = unreadable_topic(frame, self._prefix, unreadable) if unreadable else frame_record(frame, self._prefix)
        self.in_flight.add(Delivery(record, ack))

    def problem(self) -> str | None:
        """Why we are not ready: what is wrong with MQTT, then with Kafka."""
        return "; ".join(filter(None, (self.subscriber.problem, self.forwarder.problem))) or None


async def bridge(settings: BridgeSettings, stop: asyncio.Event) -> None:
    """Bridge until `stop` is set. Raises CannotListen; a bug in a task ends the process."""
    say_once("aiokafka")
    parts = Bridge(settings)
    async with contextlib.AsyncExitStack() as stack:
        # Live means that this loop still answers: no other check says more.
        await stack.enter_async_context(
            health_page(settings.host, settings.port, ready=parts.problem, tls=page_tls(settings), keys=page_keys())
        )
        group = await stack.enter_async_context(asyncio.TaskGroup())
        running = [
            group.create_task(parts.forwarder.run(), name="forwarder"),
            group.create_task(parts.subscriber.run(), name="subscriber"),
            group.create_task(
                tick(parts.in_flight, parts.subscriber.caught_up, settings.topic_prefix, settings.tick_seconds),
                name="ticks",
            ),
        ]
        await stop.wait()
        await _stop(parts, settings.stop_seconds)
        for task in running:
            task.cancel()


async def _stop(parts: Bridge, seconds: float) -> None:
    """Read no more, let Kafka take what is in flight and ack it, then leave. What is left stays in the MQTT broker."""
    parts.subscriber.pause()
    try:
        await asyncio.wait_for(parts.in_flight.empty.wait(), seconds)
    except TimeoutError:
        log.warning("stopping with %d frames unacked: the MQTT broker keeps them", len(parts.in_flight))
    await parts.subscriber.leave()
