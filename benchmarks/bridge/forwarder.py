"""`python -m benchmarks.bridge.forwarder MQTT BROKER PREFIX COUNT`: what one writes in an afternoon. paho acknowledges
each message as soon as it came, aiokafka sends it; what Kafka does not take is lost.
"""

import asyncio
import sys
from typing import Any

import paho.mqtt.client as paho
from aiokafka import AIOKafkaProducer
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.meter import Meter
from bridge.settings import SHELLY_SUBSCRIPTIONS
from runtime.settings import host_port
from schemas.frame import Frame, frame_key
from schemas.topics import RAW_FRAMES

CLIENT = "bluflow-bridge"


async def main(mqtt: str, broker: str, prefix: str, count: int) -> None:
    """paho in its thread, Kafka in this loop; done when all are delivered."""
    loop, queue, meter = asyncio.get_running_loop(), asyncio.Queue[Frame](), Meter()
    topic = RAW_FRAMES.full_name(prefix)
    producer: Any = AIOKafkaProducer(
        bootstrap_servers=broker, acks="all", enable_idempotence=True, linger_ms=5, max_batch_size=128 * 1024
    )
    await producer.start()
    client = paho.Client(CallbackAPIVersion.VERSION2, CLIENT, clean_session=False)

    def on_connect(*_: Any) -> None:
        client.subscribe([(text, 1) for text in SHELLY_SUBSCRIPTIONS])

    client.on_connect = on_connect

    def on_message(_: object, __: object, message: paho.MQTTMessage) -> None:
        meter.begin()
        frame = Frame(message.topic, bytes(message.payload), int(loop.time() * 1000))
        loop.call_soon_threadsafe(queue.put_nowait, frame)

    client.on_message = on_message
    client.connect(*host_port(mqtt))
    client.loop_start()
    pending = []
    for _ in range(count):
        frame = await queue.get()
        pending.append(await producer.send(topic, frame.payload, key=frame_key(frame.topic), headers=frame.headers()))
    await asyncio.gather(*pending)
    meter.report(count, count)
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4], int(sys.argv[4])))  # type: ignore[call-arg, arg-type]
