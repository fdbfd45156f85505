"""Which frames had waited in the MQTT broker: the markers, against a broker that answers as the test wants."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest
from paho.mqtt.client import MQTTMessage

import bridge.subscriber
from bridge.in_flight import InFlight
from bridge.route import Filters, is_own, marker_topics
from bridge.settings import BridgeSettings
from bridge.subscriber import Subscriber
from tests.bridge.conftest import until
from tests.bridge.scripted import Connection, ScriptedBroker

TOPIC = b"gw/events/rpc"


class Listener:
    """A subscriber without Kafka: keeps (payload, queued) of frames, acks markers at once and frames when told."""

    def __init__(self, settings: BridgeSettings) -> None:
        self.frames: list[tuple[bytes, bool]] = []
        self.acks: list[Callable[[], None]] = []
        self.in_flight = InFlight(1000, 1 << 20)
        self.subscriber = Subscriber(settings, self.in_flight, self._arrived)

    def _arrived(self, message: MQTTMessage, queued: bool, ack: Callable[[], None]) -> None:
        if is_own(message.topic):
            ack()
            return
        self.frames.append((bytes(message.payload), queued))
        self.acks.append(ack)


@pytest.fixture
async def kept_session() -> AsyncIterator[ScriptedBroker]:
    async with ScriptedBroker(session_present=True) as broker:
        yield broker


@pytest.fixture
async def listener(kept_session: ScriptedBroker, request: pytest.FixtureRequest) -> AsyncIterator[Listener]:
    filters = getattr(request, "param", ["#"])
    listener = Listener(BridgeSettings(mqtt=kept_session.address, subscriptions=filters))
    task = asyncio.create_task(listener.subscriber.run())
    yield listener
    listener.subscriber.pause()
    await listener.subscriber.leave()
    await task


async def marked(broker: ScriptedBroker, number: int = 0) -> Connection:
    """The connection, once it has sent its markers."""
    await until(lambda: len(broker.connections) > number and broker.connections[number].markers())
    return broker.connections[number]


async def test_frames_are_queued_until_the_marker_of_this_connection_is_back(
    kept_session: ScriptedBroker, listener: Listener
) -> None:
    first = await marked(kept_session)
    first.publish(TOPIC, b"1 waited", 1)
    first.echo(first.markers()[0], 2)
    first.publish(TOPIC, b"1 live", 3)
    await until(lambda: len(listener.frames) == 2)
    first.cut()
    second = await marked(kept_session, 1)
    second.echo(first.markers()[0], 1)  # it had been queued itself, and says nothing of this connection
    second.publish(TOPIC, b"2 waited", 2)
    second.echo(second.markers()[0], 3)
    second.publish(TOPIC, b"2 live", 4)
    await until(lambda: len(listener.frames) == 4)
    assert listener.frames == [(b"1 waited", True), (b"1 live", False), (b"2 waited", True), (b"2 live", False)]


@pytest.mark.parametrize("listener", [["+/events/rpc", "+/status/#"]], indirect=True)
async def test_every_filter_has_a_marker_and_all_must_come_back(
    kept_session: ScriptedBroker, listener: Listener
) -> None:
    mqtt = await marked(kept_session)
    await until(lambda: len(mqtt.markers()) == 2)
    assert {topic for topic, _ in mqtt.markers()} == {
        "bluflow-marker/events/rpc",
        "bluflow-marker/status/bluflow-marker",
    }
    mqtt.echo(mqtt.markers()[0], 1)
    mqtt.publish(TOPIC, b"waited", 2)
    mqtt.echo(mqtt.markers()[1], 3)
    mqtt.publish(TOPIC, b"live", 4)
    await until(lambda: len(listener.frames) == 2)
    assert listener.frames == [(b"waited", True), (b"live", False)]


async def test_frames_are_queued_again_while_the_broker_is_slow_to_hand_them_over(
    kept_session: ScriptedBroker, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For lack of our acks or of speed; and as long as a marker that comes back took too long."""
    monkeypatch.setattr(bridge.subscriber, "LATE", 0.5)
    monkeypatch.setattr(bridge.subscriber, "MARK_EVERY", 0.1)
    mqtt = await marked(kept_session)
    mqtt.echo(mqtt.markers()[0], 1)
    mqtt.publish(TOPIC, b"live", 2)
    await until(lambda: len(mqtt.markers()) == 2)
    sent = time.monotonic()
    await until(lambda: time.monotonic() > sent + 0.6)
    mqtt.publish(TOPIC, b"waited", 3)
    mqtt.echo(mqtt.markers()[1], 4)
    mqtt.publish(TOPIC, b"waited less", 5)
    await until(lambda: len(listener.frames) == 3)
    assert not listener.subscriber.caught_up.is_set()
    monkeypatch.setattr(bridge.subscriber, "LATE", 60)
    await until(lambda: len(mqtt.markers()) == 3)
    mqtt.echo(mqtt.markers()[2], 6)
    mqtt.publish(TOPIC, b"live again", 7)
    await until(lambda: len(listener.frames) == 4)
    assert listener.frames == [(b"live", False), (b"waited", True), (b"waited less", True), (b"live again", False)]


async def test_while_nothing_is_read_one_marker_waits(
    kept_session: ScriptedBroker, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker's queue is for frames; what was read behind the marker had waited."""
    monkeypatch.setattr(bridge.subscriber, "LATE", 1.0)
    monkeypatch.setattr(bridge.subscriber, "MARK_EVERY", 0.1)
    monkeypatch.setattr(bridge.subscriber, "_LOST", 0.1)
    mqtt = await marked(kept_session)
    mqtt.echo(mqtt.markers()[-1], 1)
    await until(listener.subscriber.caught_up.is_set)
    listener.in_flight.room.clear()
    mqtt.publish(TOPIC, b"fills it", 2)
    await until(lambda: listener.frames)
    full, before = time.monotonic(), len(mqtt.markers())
    await until(lambda: time.monotonic() > full + 3.5)
    assert len(mqtt.markers()) <= before + 1
    mqtt.publish(TOPIC, b"waited", 3)
    listener.in_flight.room.set()
    assert listener.in_flight.on_room is not None
    listener.in_flight.on_room()
    await until(lambda: len(listener.frames) == 2)
    assert listener.frames == [(b"fills it", False), (b"waited", True)]


async def test_a_marker_that_got_lost_is_replaced(
    kept_session: ScriptedBroker, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge.subscriber, "_LOST", 0.1)
    mqtt = await marked(kept_session)
    await until(lambda: len(mqtt.markers()) == 2)
    monkeypatch.setattr(bridge.subscriber, "_LOST", 60)
    mqtt.echo(mqtt.markers()[-1], 1)
    await until(listener.subscriber.caught_up.is_set)


@pytest.mark.parametrize(
    ("filters", "topics"),
    [
        (["#"], ["bluflow-marker"]),
        (["+/events/rpc", "+/online"], ["bluflow-marker/events/rpc", "bluflow-marker/online"]),
        (["+/status/#", "+/+"], ["bluflow-marker/status/bluflow-marker", "bluflow-marker/bluflow-marker"]),
        (["+", "bluflow/+/rpc"], ["bluflow-marker", "bluflow/bluflow-marker/rpc"]),
        (["home/+/events/rpc", "gw/#"], ["home/bluflow-marker/events/rpc", "gw/bluflow-marker"]),
        (["gw/events/rpc", "gw/online"], ["bluflow/bridge/me/marker"]),
    ],
)
def test_marker_topics_are_our_own_and_pass_their_filter(filters: list[str], topics: list[str]) -> None:
    assert marker_topics("me", filters) == topics
    assert all(is_own(topic) for topic in topics)
    for topic in topics:
        assert topic == "bluflow/bridge/me/marker" or Filters(filters).match(topic)


@pytest.mark.parametrize(
    ("topic", "own"),
    [
        ("bluflow/shellypro2-a/rpc", False),
        ("bluflow/home/first/rpc", False),
        ("bluflow/reset-counter/7c:c6:b6:bd:4c:b5", True),
        ("bluflow/bluflow-marker/rpc", True),
        ("gw/bluflow-marker", True),
        ("bluflow/bridge/me/state", True),
        ("bluflow/rpc", True),
        ("bluflow", True),
        ("bluflowers/events/rpc", False),
        ("homeassistant/device/bluflow_7cc6b6bd4cb5/config", True),
        ("homeassistant/status", True),
        ("homeassistant/events/rpc", False),
        ("shellypro2-a/status/sys", False),
    ],
)
def test_of_our_own_topics_only_a_gateways_answers_go_through(topic: str, own: bool) -> None:
    assert is_own(topic) == own


def test_no_marker_comes_back_through_the_filter_of_another() -> None:
    """Else it could overtake frames on a broker that keeps a log for each filter."""
    filters = BridgeSettings.model_fields["subscriptions"].default
    for topic in marker_topics("me", filters):
        assert sum(Filters([each]).match(topic) for each in filters) == 1, topic
