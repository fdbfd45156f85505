"""When the bridge acks, seen from the MQTT broker's side of the wire."""

import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

from schemas.dead_letter import dead_letter_facts
from schemas.frame import Frame
from tests.bridge.conftest import BridgeProcess, Broker, dead_letters, raw_frames, until
from tests.bridge.scripted import Connection, ScriptedBroker, publish_packet

Bridges = Callable[..., BridgeProcess]
TOPIC = b"gw/events/rpc"


async def subscribed(broker: ScriptedBroker, number: int = 0) -> Connection:
    await until(lambda: len(broker.connections) > number and broker.connections[number].subscribed.is_set())
    return broker.connections[number]


async def test_puback_comes_after_delivery_and_in_receipt_order(
    own_kafka: Broker, topic_prefix: str, bridge: Bridges
) -> None:
    """Nothing is acked while Kafka is frozen; then all, in order, whatever partition was faster."""
    async with ScriptedBroker() as broker:
        process = bridge(own_kafka.address, broker.address)
        mqtt = await subscribed(broker)
        await process.ready()
        own_kafka.freeze()
        mids = [7, 3, 65535, *range(100, 140)]
        for mid in mids:
            mqtt.publish(b"gw%d/events/rpc" % mid, b"%d" % mid, mid)
        await until(lambda: process.metric("bluflow_bridge_frames_received_total") == len(mids))
        await until(lambda: process.metric("bluflow_bridge_in_flight_frames") >= len(mids))
        assert mqtt.puback == []
        own_kafka.thaw()
        await until(lambda: len(mqtt.puback) == len(mids))
        assert mqtt.puback == mids
        assert len((await raw_frames(own_kafka.address, topic_prefix, len(mids))).records) == len(mids)


async def test_an_ack_never_crosses_over_to_the_next_connection(
    own_kafka: Broker, topic_prefix: str, bridge: Bridges
) -> None:
    """The connection is lost with frames in flight; on the next one the same ids mean other messages."""
    async with ScriptedBroker(session_present=True) as broker:
        process = bridge(own_kafka.address, broker.address)
        first = await subscribed(broker)
        await process.ready()
        own_kafka.freeze()
        for mid in (1, 2, 3):
            first.publish(TOPIC, b"first %d" % mid, mid)
        await until(lambda: process.metric("bluflow_bridge_frames_received_total") == 3)
        first.cut()
        second = await subscribed(broker, 1)
        own_kafka.thaw()
        await raw_frames(own_kafka.address, topic_prefix, 3)
        await until(lambda: process.metric("bluflow_bridge_frames_forwarded_total") == 3)
        assert second.puback == []
        second.publish(TOPIC, b"first 1", 9, dup=True)
        await until(lambda: second.puback)
        assert second.puback == [9]
        log = await raw_frames(own_kafka.address, topic_prefix, 4)
        frames = [Frame.from_record(record.value, record.headers) for record in log.records]
        assert [(f.payload, f.dup) for f in frames] == [
            (b"first 1", False),
            (b"first 2", False),
            (b"first 3", False),
            (b"first 1", True),
        ]


async def test_at_the_bound_the_socket_is_not_read_but_kept(
    own_kafka: Broker, topic_prefix: str, bridge: Bridges
) -> None:
    """Ten in flight at most, for three times the keep-alive, on one connection; nothing lost."""
    async with ScriptedBroker() as broker:
        process = bridge(own_kafka.address, broker.address, max_in_flight="10", keepalive_seconds="2")
        mqtt = await subscribed(broker)
        await process.ready()
        await raw_frames(own_kafka.address, topic_prefix, ticks=4)
        own_kafka.freeze()
        for mid in range(1, 201):
            mqtt.publish(TOPIC, b"%d" % mid, mid)
        await until(lambda: process.metric("bluflow_bridge_pauses_total") == 1)
        await until(lambda: mqtt.signs >= 6, seconds=10)  # one a second: three times the keep-alive
        assert process.metric("bluflow_bridge_frames_received_total") == 10
        own_kafka.thaw()
        await until(lambda: len(mqtt.puback) == 200)
        assert mqtt.puback == list(range(1, 201))
        assert len(broker.connections) == 1
        log = await raw_frames(own_kafka.address, topic_prefix, 200)
        assert log.values() == [b"%d" % mid for mid in range(1, 201)]


async def test_a_topic_that_is_not_utf8_is_a_dead_letter(kafka: str, topics: str, bridge: Bridges) -> None:
    async with ScriptedBroker() as broker:
        bridge(kafka, broker.address, subscriptions="#")
        mqtt = await subscribed(broker)
        mqtt.publish(b"gw\xff\xfe/events/rpc", b"payload", 1)
        mqtt.publish(TOPIC, b"next", 2)
        await until(lambda: mqtt.puback == [1, 2])
    (letter,) = (await dead_letters(kafka, topics, 1)).records
    assert letter.value == b"payload"
    assert dead_letter_facts(letter.headers)["reason"] == "undeliverable"
    assert dict(letter.headers)["mqtt-topic-bytes"] == b"gw\xff\xfe/events/rpc"
    assert (await raw_frames(kafka, topics, 1)).values() == [b"next"]


async def test_a_refusal_is_retried_and_readiness_says_why(kafka: str, topics: str, bridge: Bridges) -> None:
    """CONNACK 5, not authorized: no crash loop."""
    async with ScriptedBroker(connack=5) as broker:
        process = bridge(kafka, broker.address, user="u", password="hunter2")
        await until(lambda: len(broker.connections) >= 3)
        assert "Not authorized" in process.cause()
        assert process.child.poll() is None
        assert "hunter2" not in process.log.read_text()


async def test_frames_over_tls(kafka: str, topics: str, bridge: Bridges, tmp_path: Path) -> None:
    """200 frames in one TLS record, seven at a time: what is decrypted is read though the socket shows nothing more."""
    pem = self_signed(tmp_path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(pem)
    async with ScriptedBroker(tls=server) as broker:
        bridge(kafka, broker.address, ca_file=str(pem), max_in_flight="7")
        mqtt = await subscribed(broker)
        mqtt.writer.write(b"".join(publish_packet(TOPIC, b"%d" % mid, mid) for mid in range(1, 201)))
        await until(lambda: len(mqtt.puback) == 200)
        assert mqtt.puback == list(range(1, 201))
    assert (await raw_frames(kafka, topics, 200)).values() == [b"%d" % mid for mid in range(1, 201)]


def self_signed(folder: Path) -> Path:
    """A key and its own certificate for 127.0.0.1, in one file."""
    pem = folder / "server.pem"
    subprocess.run(
        [
            *["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"],
            *["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(folder / "key"), "-out", str(folder / "cert")],
        ],
        check=True,
        capture_output=True,
    )
    pem.write_text((folder / "key").read_text() + (folder / "cert").read_text())
    return pem


async def test_a_frame_behind_another_packet_in_one_segment_is_not_forgotten(
    kafka: str, topics: str, bridge: Bridges
) -> None:
    """Both are read at once, and no selector tells of the second any more."""
    async with ScriptedBroker() as broker:
        process = bridge(kafka, broker.address)
        mqtt = await subscribed(broker)
        await process.ready()
        mqtt.writer.write(b"\xd0\x00" + publish_packet(TOPIC, b"behind", 9))
        await until(lambda: mqtt.puback == [9])
