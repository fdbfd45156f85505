"""`python -m benchmarks.bridge.ours MQTT BROKER PREFIX COUNT`: the bridge as it runs, until it has acknowledged so many
frames, each after Kafka has it.
"""

import asyncio
import os
import sys

from benchmarks.meter import Meter
from bridge.app import bridge
from bridge.in_flight import Delivery, InFlight
from bridge.settings import BridgeSettings
from runtime.process import collect_seldom
from schemas.topics import RAW_FRAMES
from tests.conftest import find_free_port

_GRACE = 1.0  # seconds


def watch(count: int, topic: str, stop: asyncio.Event) -> None:
    """Hang the meter on the first frame that arrives and on the last that is acknowledged."""
    meter, acked, add = Meter(), [0], InFlight.add

    def measured_add(self: InFlight, delivery: Delivery) -> None:
        record, ack = delivery.record, delivery.ack
        if record is not None and record.topic == topic and not record.everywhere:
            meter.begin()

            def measured_ack() -> None:
                ack()
                acked[0] += 1
                if acked[0] == count:
                    meter.report(count, acked[0])
                    # one who stops at once takes the last acknowledgements with him, and has them redelivered
                    asyncio.get_running_loop().call_later(_GRACE, stop.set)

            delivery.ack = measured_ack
        add(self, delivery)

    InFlight.add = measured_add  # type: ignore[method-assign]


async def main(mqtt: str, broker: str, prefix: str, count: int) -> None:
    """Until all are acknowledged."""
    os.environ.clear()
    settings = BridgeSettings(MQTT=mqtt, broker=broker, topic_prefix=prefix, port=find_free_port())  # type: ignore[call-arg]
    stop = asyncio.Event()
    watch(count, RAW_FRAMES.full_name(prefix), stop)
    await bridge(settings, stop)


if __name__ == "__main__":
    collect_seldom()  # as each of our processes does
    asyncio.run(main(*sys.argv[1:4], int(sys.argv[4])))  # type: ignore[call-arg, arg-type]
