"""Things die, the frames do not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.kafka import ensure_topics
from schemas.frame import Frame
from schemas.topics import TOPICS
from tests.bridge.conftest import BridgeProcess, Broker, Gateway, raw_frames, until

Bridges = Callable[..., BridgeProcess]
Gateways = Callable[[str], Gateway]
OwnMqtt = Callable[..., Broker]


async def test_frames_that_kafka_never_took_are_not_acked(
    own_kafka: Broker, any_mqtt: str, topic_prefix: str, bridge: Bridges, gateway: Gateways
) -> None:
    """Kafka dead, frames received, bridge killed: after both are back the frames come out of the MQTT broker."""
    process = await bridge(own_kafka.address, any_mqtt, subscriptions=f"{topic_prefix}/#").ready()
    own_kafka.kill()
    sent = [b"%d" % n for n in range(10)]
    gateway(any_mqtt).send(f"{topic_prefix}/events/rpc", *sent)
    await until(lambda: process.metric("bluflow_bridge_frames_received_total") == len(sent))
    process.kill()
    own_kafka.start()
    await ensure_topics(own_kafka.address, TOPICS, topic_prefix, embedded=True)
    process.start()
    log = await raw_frames(own_kafka.address, topic_prefix, len(sent))
    assert log.values() == sent
    assert all(Frame.from_record(record.value, record.headers).queued for record in log.records)


async def test_a_stop_without_kafka_is_bounded_and_leaves_the_frames_to_mqtt(
    own_kafka: Broker, any_mqtt: str, topic_prefix: str, bridge: Bridges, gateway: Gateways
) -> None:
    process = await bridge(own_kafka.address, any_mqtt, subscriptions=f"{topic_prefix}/#", stop_seconds="0.5").ready()
    own_kafka.kill()
    gateway(any_mqtt).send(f"{topic_prefix}/events/rpc", b"frame")
    await until(lambda: process.metric("bluflow_bridge_frames_received_total") == 1)
    assert await process.stop(seconds=5) == 0
    assert "unacked" in process.log.read_text()
    own_kafka.start()
    await ensure_topics(own_kafka.address, TOPICS, topic_prefix, embedded=True)
    process.start()
    assert (await raw_frames(own_kafka.address, topic_prefix, 1)).values() == [b"frame"]


async def test_kafka_killed_and_back_loses_nothing(
    own_kafka: Broker, any_mqtt: str, topic_prefix: str, bridge: Bridges, gateway: Gateways
) -> None:
    """More frames than may be in flight are published while Kafka is dead. It comes back without its producer ids."""
    process = await bridge(
        own_kafka.address, any_mqtt, subscriptions=f"{topic_prefix}/#", max_in_flight="15", tick_seconds="0.5"
    ).ready()
    client = gateway(any_mqtt)
    client.send(f"{topic_prefix}/events/rpc", b"before")
    await raw_frames(own_kafka.address, topic_prefix, 1)
    own_kafka.kill()
    sent = [b"%d" % n for n in range(300)]
    client.send(f"{topic_prefix}/events/rpc", *sent)
    await until(lambda: process.metric("bluflow_bridge_pauses_total") >= 1)
    assert process.metric("bluflow_bridge_in_flight_frames") <= 15
    own_kafka.start()
    await ensure_topics(own_kafka.address, TOPICS, topic_prefix, embedded=True)
    values = (await raw_frames(own_kafka.address, topic_prefix, len(sent))).values()
    await until(lambda: process.metric("bluflow_bridge_in_flight_frames") <= 1)
    values = (await raw_frames(own_kafka.address, topic_prefix, len(sent))).values()
    first_of_each = list(dict.fromkeys(value for value in values if value != b"before"))
    assert first_of_each == sent
    assert await process.stop() == 0
    assert len(process.log.read_text().splitlines()) < 20  # an outage is told, not poured out
    assert "never retrieved" not in process.log.read_text()


@pytest.mark.parametrize("kind", ["rumqttd", "mosquitto"])
async def test_mqtt_broker_killed_and_back(
    kafka: str, topics: str, bridge: Bridges, gateway: Gateways, own_mqtt: OwnMqtt, kind: str
) -> None:
    broker = own_mqtt(kind)
    process = await bridge(kafka, broker.address, subscriptions=f"{topics}/#").ready()
    broker.kill()
    await until(lambda: "MQTT" in process.cause())
    broker.start()
    await process.ready()
    gateway(broker.address).send(f"{topics}/events/rpc", b"back")
    assert (await raw_frames(kafka, topics, 1)).values() == [b"back"]


async def test_kill_under_load_loses_nothing_that_was_acknowledged(
    kafka: str, any_mqtt: str, topics: str, bridge: Bridges, gateway: Gateways
) -> None:
    """kill -9 three times while frames come in: whatever the gateway got a PUBACK for is in raw-frames, in order."""
    process = await bridge(kafka, any_mqtt, subscriptions=f"{topics}/#").ready()
    client = gateway(any_mqtt)
    tokens = []
    for n in range(1, 2001):
        tokens.append((b"%d" % n, client.send_unacked(f"{topics}/events/rpc", b"%d" % n)))
        if n % 500 == 0 and n < 2000:
            await until(lambda: process.metric("bluflow_bridge_frames_received_total") > 20)
            process.kill()
            process.start()
    for _, token in tokens:
        token.wait_for_publish(10)
    acknowledged = [value for value, token in tokens if token.is_published()]
    assert len(acknowledged) == 2000
    await until(lambda: process.get("/health/ready")[0] == 200)
    log = await raw_frames(kafka, topics, 2000, seconds=30)
    await until(lambda: process.metric("bluflow_bridge_in_flight_frames") == 0)
    values = (await raw_frames(kafka, topics, 2000)).values()
    assert len(values) >= len(log.records)
    assert list(dict.fromkeys(values)) == acknowledged


@pytest.mark.parametrize("kind", ["rumqttd", "mosquitto"])
async def test_a_wrong_password_is_said_and_the_right_one_gets_in(
    kafka: str, topics: str, bridge: Bridges, own_mqtt: OwnMqtt, tmp_path: Path, kind: str
) -> None:
    """The password's file is read at each connect: a corrected one needs no restart."""
    broker = own_mqtt(kind, login=("bridge", "sesame"))
    secret = tmp_path / "secret"
    secret.write_text("wrong-password\n")
    process = bridge(kafka, broker.address, user="bridge", password_file=str(secret))
    await until(lambda: process.metric("bluflow_bridge_mqtt_failures_total") >= 2)
    assert f"MQTT at {broker.address}: " in process.cause()
    assert process.child.poll() is None
    secret.write_text("sesame\n")
    await process.ready()
    assert "wrong-password" not in process.log.read_text()
    assert "sesame" not in process.log.read_text()
