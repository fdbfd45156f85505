"""What the bridge promises, on every MQTT broker that it is used with."""

import time
from collections import defaultdict
from collections.abc import Callable

import pytest

from runtime.kafka import partition_of
from schemas.dead_letter import dead_letter_facts
from schemas.frame import Frame
from schemas.topics import RAW_FRAMES
from tests.bridge.conftest import BridgeProcess, Gateway, dead_letters, raw_frames, until

Bridges = Callable[..., BridgeProcess]
Gateways = Callable[[str], Gateway]
PARTITIONS = RAW_FRAMES.embedded_partitions


async def test_a_frame_arrives_untouched(
    kafka: str, any_mqtt: str, topics: str, bridge: Bridges, gateway: Gateways
) -> None:
    """Bytes, topic, key, partition and the time of arrival."""
    prefix = f"home/{topics}gw"
    before = time.time_ns() // 1_000_000
    await bridge(kafka, any_mqtt, subscriptions=f"home/{topics}gw/#").ready()
    gateway(any_mqtt).send(f"{prefix}/events/rpc", b'{"src":"x", \xff\x00}\n')
    (record,) = (await raw_frames(kafka, topics, 1)).records
    frame = Frame.from_record(record.value, record.headers)
    assert frame.payload == b'{"src":"x", \xff\x00}\n'
    assert frame.topic == f"{prefix}/events/rpc"
    assert record.key == prefix.encode()
    assert record.partition == partition_of(record.key, PARTITIONS)
    assert before <= frame.received_at <= time.time_ns() // 1_000_000
    assert (frame.qos, frame.dup, frame.queued, frame.retain) == (1, False, False, False)


async def test_hostile_topics_and_payloads_arrive(
    kafka: str, any_mqtt: str, topics: str, bridge: Bridges, gateway: Gateways
) -> None:
    sent = {
        f"{topics}/ünï ☃/events/rpc": b"\x00" * 65536,
        f"{topics}//online": b"",
        f"{topics}/{'x' * 3000}": bytes(range(256)),
    }
    await bridge(kafka, any_mqtt, subscriptions=f"{topics}/#").ready()
    client = gateway(any_mqtt)
    for topic, payload in sent.items():
        client.send(topic, payload)
    client.send(f"{topics}/zero", b"published at QoS 0", qos=0)  # rumqttd delivers it at QoS 1
    log = await raw_frames(kafka, topics, 4)
    frames = [Frame.from_record(record.value, record.headers) for record in log.records]
    assert {f.topic: f.payload for f in frames} == {**sent, f"{topics}/zero": b"published at QoS 0"}


async def test_order_is_kept_per_key(
    kafka: str, any_mqtt: str, topics: str, bridge: Bridges, gateway: Gateways
) -> None:
    await bridge(kafka, any_mqtt, subscriptions=f"{topics}/#").ready()
    client = gateway(any_mqtt)
    sent = defaultdict(list)
    for number in range(600):
        topic = f"{topics}/gw{number % 7}/events/rpc"
        sent[topic].append(b"%d" % number)
        token = client.send_unacked(topic, b"%d" % number)
    token.wait_for_publish(10)
    arrived = defaultdict(list)
    for record in (await raw_frames(kafka, topics, 600)).records:
        arrived[Frame.from_record(record.value, record.headers).topic].append(record.value)
    assert arrived == sent


@pytest.mark.parametrize("subscriptions", ["#", "+/events/rpc,+/events/ble,+/online,+/status/#"])
async def test_what_waited_in_the_mqtt_broker_is_marked_queued(
    kafka: str, any_mqtt: str, topics: str, bridge: Bridges, gateway: Gateways, subscriptions: str
) -> None:
    """Frames published while the bridge was down: queued=1; before and after: queued=0."""
    process = await bridge(kafka, any_mqtt, subscriptions=subscriptions).ready()
    client = gateway(any_mqtt)
    topic = f"{topics}/events/rpc"
    client.send(topic, *[b"before %d" % n for n in range(5)])
    await raw_frames(kafka, topics, 5)
    assert await process.stop() == 0
    waiting = [b"waiting %d" % n for n in range(500)]
    suffixes = ("events/rpc", "events/ble", "online", "status/x:1")
    for n, payload in enumerate(waiting):
        token = client.send_unacked(f"{topics}/{suffixes[n % 4]}", payload)
    token.wait_for_publish(10)
    process.start()
    await process.ready()
    caught_up = await raw_frames(kafka, topics, 505, ticks=2 * PARTITIONS)  # a tick says that the marker came back
    client.send(topic, *[b"after %d" % n for n in range(5)])
    log = await raw_frames(kafka, topics, 510)
    frames = [Frame.from_record(record.value, record.headers) for record in log.records]
    assert sorted(f.payload for f in frames if f.queued) == sorted(waiting)
    assert len(frames) == len(caught_up.records) + 5 == 510
    # The tick after the outage stands behind every frame that had waited.
    last_frame = max(r.offset for r in log.records if Frame.from_record(r.value, r.headers).queued)
    partition = partition_of(topics.encode(), PARTITIONS)
    assert max(t.offset for t in caught_up.ticks if t.partition == partition) > last_frame


async def test_a_new_session_has_no_queue_and_retained_frames_say_so(
    kafka: str, any_mqtt: str, topics: str, bridge: Bridges, gateway: Gateways
) -> None:
    client = gateway(any_mqtt)
    client.send(f"{topics}/gw/online", b"true", retain=True)
    await bridge(kafka, any_mqtt, subscriptions=f"{topics}/#").ready()
    (record,) = (await raw_frames(kafka, topics, 1)).records
    frame = Frame.from_record(record.value, record.headers)
    assert (frame.payload, frame.retain, frame.queued) == (b"true", True, False)
    client.send(f"{topics}/gw/online", b"", retain=True)


async def test_ticks_reach_every_partition(kafka: str, any_mqtt: str, topics: str, bridge: Bridges) -> None:
    """One at start and more after it, without any frame."""
    before = time.time_ns() // 1_000_000
    await bridge(kafka, any_mqtt, tick_seconds="0.3").ready()
    log = await raw_frames(kafka, topics, 0, ticks=3 * PARTITIONS)
    times: dict[int, list[int]] = defaultdict(list)
    for tick in log.ticks:
        assert (tick.key, tick.value) == (b"", b"")
        times[tick.partition].append(int(dict(tick.headers)["received-at"]))
    assert sorted(times) == list(range(PARTITIONS))
    for each in times.values():
        assert each == sorted(each)
        assert each[0] >= before
    assert len({tuple(each[:2]) for each in times.values()}) == 1


async def test_an_oversize_payload_is_a_dead_letter_and_the_stream_goes_on(
    kafka: str, any_mqtt: str, topics: str, bridge: Bridges, gateway: Gateways
) -> None:
    process = await bridge(kafka, any_mqtt, subscriptions=f"{topics}/#").ready()
    payload = bytes(range(256)) * 300
    client = gateway(any_mqtt)
    client.send(f"{topics}/gw/events/rpc", payload, b"next")
    (letter,) = (await dead_letters(kafka, topics, 1)).records
    assert letter.value == payload[:65536]
    facts = dead_letter_facts(letter.headers)
    assert facts["stage"] == "bridge"
    assert facts["reason"] == "too_large"
    assert facts["origin"] == f"mqtt:{topics}/gw/events/rpc"
    headers = dict(letter.headers)
    assert headers["length"] == b"76800"
    assert len(headers["sha256"]) == 64
    assert (await raw_frames(kafka, topics, 1)).values() == [b"next"]
    # It was acked: it does not come again.
    await until(lambda: process.metric("bluflow_bridge_in_flight_frames") == 0)
    assert await process.stop() == 0
    process.start()
    client.send(f"{topics}/gw/events/rpc", b"last")
    assert (await raw_frames(kafka, topics, 2)).values() == [b"next", b"last"]
    assert len((await dead_letters(kafka, topics, 1)).records) == 1


async def test_birth_and_will(kafka: str, any_mqtt: str, topics: str, bridge: Bridges, gateway: Gateways) -> None:
    """online while connected; offline after a clean stop, and after a kill by the last will."""
    process = bridge(kafka, any_mqtt)
    watcher = gateway(any_mqtt)
    watcher.listen(f"bluflow/bridge/{process.environment['BRIDGE_CLIENT_ID']}/state")

    def said(*states: bytes) -> Callable[[], bool]:
        return lambda: [message.payload for message in watcher.heard] == list(states)

    await until(said(b"online"))
    await process.ready()
    assert await process.stop() == 0
    await until(said(b"online", b"offline"))
    process.start()
    await until(said(b"online", b"offline", b"online"))
    process.kill()
    await until(said(b"online", b"offline", b"online", b"offline"))
    late = gateway(any_mqtt)
    late.listen(f"bluflow/bridge/{process.environment['BRIDGE_CLIENT_ID']}/state")
    await until(lambda: [(m.payload, m.retain) for m in late.heard] == [(b"offline", True)])


async def test_own_topics_and_forgotten_subscriptions_are_not_forwarded(
    kafka: str, any_mqtt: str, topics: str, bridge: Bridges, gateway: Gateways
) -> None:
    """Markers never; nor what only an earlier setting subscribed to, which a kept session still delivers."""
    process = await bridge(kafka, any_mqtt, subscriptions=f"{topics}/old/#,{topics}/new/#,bluflow/#").ready()
    assert await process.stop() == 0
    process.environment["BRIDGE_SUBSCRIPTIONS"] = f'["{topics}/new/#", "bluflow/#"]'
    process.start()
    await process.ready()
    client = gateway(any_mqtt)
    client.send("bluflow/other", b"own")
    client.send(f"{topics}/old/events/rpc", b"old")
    client.send(f"{topics}/new/events/rpc", b"new")
    assert (await raw_frames(kafka, topics, 1)).values() == [b"new"]
    await until(lambda: process.metric("bluflow_bridge_messages_ignored_total") >= 2)
    assert (await raw_frames(kafka, topics, 1)).values() == [b"new"]


@pytest.mark.parametrize("subscriptions", ["+/a/#,+/b/#"])
async def test_nothing_is_lost_with_several_filters(
    kafka: str, any_mqtt: str, topics: str, bridge: Bridges, gateway: Gateways, subscriptions: str
) -> None:
    process = await bridge(kafka, any_mqtt, subscriptions=subscriptions).ready()
    assert await process.stop() == 0
    client = gateway(any_mqtt)
    sent = [b"%d" % n for n in range(300)]
    for n, payload in enumerate(sent):
        token = client.send_unacked(f"{topics}/{'ab'[n % 2]}/x", payload)
    token.wait_for_publish(10)
    process.start()
    log = await raw_frames(kafka, topics, 300, ticks=2 * PARTITIONS)
    assert sorted(log.values()) == sorted(sent)
