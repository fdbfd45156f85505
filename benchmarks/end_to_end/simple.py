"""`python -m benchmarks.end_to_end.simple PLAN URL`: what one would write in an afternoon. One process: paho, decode,
influxdb-client's batching writer. It acknowledges when a message comes; knows no copies, no state, no API.

Says what it measured at SIGTERM: a packet is stored when the server has acknowledged its batch.
"""

import sys
import threading
import time
from signal import SIG_BLOCK, SIGTERM, pthread_sigmask, sigwait
from typing import Any

import msgspec
import paho.mqtt.client as paho
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write.point import Point
from influxdb_client.client.write_api import WriteOptions
from influxdb_client.domain.write_precision import WritePrecision
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.end_to_end.plan import Plan
from benchmarks.meter import say
from runtime.settings import host_port
from streams.formats.bthome import decode

FILTER = "+/events/rpc"


class Stored(msgspec.Struct, frozen=True):
    """Latencies in seconds, in the order of storing."""

    latencies: list[float]


def run(plan: Plan, url: str) -> Stored:
    """Until SIGTERM; then what waits is written and the last batch awaited."""
    found: list[float] = []
    lock = threading.Lock()

    def stored(_: tuple[str, str, str], data: bytes) -> None:
        now = time.time()
        times = [int(line.rpartition(b" ")[2]) / 1000 for line in data.splitlines()]
        with lock:
            found.extend(now - at for at in times)

    client = InfluxDBClient(url=url, token="t", org="bench")  # noqa: S106 - nobody checks it
    with client.write_api(write_options=WriteOptions(), success_callback=stored) as writer:

        def on_message(_: Any, __: Any, message: paho.MQTTMessage) -> None:
            frame = msgspec.json.decode(message.payload)
            [event] = frame["params"]["events"]
            for sensor, rssi, age, data in event["data"]["d"]:
                point = Point("reading").tag("sensor_id", sensor).field("rssi", rssi)
                for name, value in decode(bytes.fromhex(data)).values.items():
                    point.field(name, float(value))
                at = round(event["ts"] * 1000) - age
                writer.write("bench", "bench", point.time(at, WritePrecision.MS), WritePrecision.MS)

        mqtt = paho.Client(CallbackAPIVersion.VERSION2, "bench-simple")

        def on_connect(*_: Any) -> None:
            mqtt.subscribe(FILTER, 1)

        mqtt.on_connect = on_connect
        mqtt.on_message = on_message
        mqtt.connect(*host_port(plan.mqtt))
        mqtt.loop_start()
        sigwait([SIGTERM])
        mqtt.disconnect()
        mqtt.loop_stop()
    return Stored(found)


if __name__ == "__main__":
    pthread_sigmask(SIG_BLOCK, [SIGTERM])
    say(run(msgspec.json.decode(sys.argv[1], type=Plan), sys.argv[2]))
