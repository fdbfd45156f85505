"""The clock in the stream: a tick into every raw partition says that what came before it is in the log."""

import asyncio
import time

from bridge.in_flight import Delivery, InFlight
from bridge.route import tick_record

# Whatever a tick makes due is done at once, and the frames behind it wait: 300,000 sensors owe it seconds of work in
# half a minute. So many frames owe it some tenths.
FRAMES = 15_000
_LOOK_SECONDS = 1.0


async def tick(in_flight: InFlight, caught_up: asyncio.Event, prefix: str, seconds: float) -> None:
    """A tick at once and then every `seconds`, or after `FRAMES`, in line with the frames; never returns.

    None while frames may wait in the MQTT broker (`caught_up` is clear): it would close windows that those
    frames belong to, and call sensors silent that we merely cannot hear. None beside one that is still in flight.
    """
    while True:
        await caught_up.wait()
        delivered = asyncio.Event()
        in_flight.add(Delivery(tick_record(prefix, time.time_ns() // 1_000_000), ack=delivered.set))
        await asyncio.gather(delivered.wait(), _until(in_flight, in_flight.taken + FRAMES, seconds))


async def _until(in_flight: InFlight, taken: int, seconds: float) -> None:
    """So many taken in, or so many seconds gone."""
    deadline = time.monotonic() + seconds
    while in_flight.taken < taken and (left := deadline - time.monotonic()) > 0:  # noqa: ASYNC110 - once a second is enough
        await asyncio.sleep(min(left, _LOOK_SECONDS))
