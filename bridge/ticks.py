"""The clock in the stream: a tick into every raw partition says that what came before it is in the log."""

import asyncio
import time

from bridge.in_flight import Delivery, InFlight
from bridge.route import tick_record


async def tick(in_flight: InFlight, caught_up: asyncio.Event, prefix: str, seconds: float) -> None:
    """A tick at once and then every `seconds`, in line with the frames; never returns.

    None while frames may wait in the MQTT broker (`caught_up` is clear): it would close windows that those
    frames belong to, and call sensors silent that we merely cannot hear. None beside one that is still in flight.
    """
    while True:
        await caught_up.wait()
        delivered = asyncio.Event()
        in_flight.add(Delivery(tick_record(prefix, time.time_ns() // 1_000_000), ack=delivered.set))
        await asyncio.gather(delivered.wait(), asyncio.sleep(seconds))
