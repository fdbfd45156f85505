"""When the clock goes into the log."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bridge import ticks
from bridge.in_flight import Delivery, InFlight
from bridge.route import Record
from tests.bridge.conftest import until

FRAME = Record("t", b"k", b"v", [])


@asynccontextmanager
async def ticking(seconds: float) -> AsyncIterator[InFlight]:
    """What the bridge has in flight, while it ticks."""
    in_flight, caught_up = InFlight(10_000, 1 << 30), asyncio.Event()
    caught_up.set()
    task = asyncio.create_task(ticks.tick(in_flight, caught_up, "p.", seconds))
    try:
        yield in_flight
    finally:
        task.cancel()
        await asyncio.wait({task})


def deliver(in_flight: InFlight) -> int:
    """Everything that is in flight; how many ticks were among it."""
    count = 0
    while delivery := in_flight.next_unsent():
        assert delivery.record is not None
        count += delivery.record.everywhere
        in_flight.sent()
        in_flight.delivered(delivery)
    return count


@pytest.mark.parametrize(("seconds", "frames"), [(0.1, 0), (1000, 50)])
async def test_a_tick_comes_after_its_time_or_after_so_many_frames(
    seconds: float, frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticks, "FRAMES", 50)
    monkeypatch.setattr(ticks, "_LOOK_SECONDS", 0.01)
    found = 0

    def ticked(count: int) -> bool:
        nonlocal found
        found += deliver(in_flight)
        return found >= count

    async with ticking(seconds) as in_flight:
        for count in (1, 2, 3):
            await until(lambda count=count: ticked(count))  # type: ignore[misc]
            for _ in range(frames):
                in_flight.add(Delivery(FRAME, ack=lambda: None))


async def test_no_tick_comes_before_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "FRAMES", 50)
    monkeypatch.setattr(ticks, "_LOOK_SECONDS", 0.001)
    async with ticking(1000) as in_flight:
        await until(lambda: len(in_flight) == 1)
        for _ in range(49):
            in_flight.add(Delivery(FRAME, ack=lambda: None))
        assert deliver(in_flight) == 1
        for _ in range(100):  # turns of the loop in which it looks again
            await asyncio.sleep(0.001)
        assert deliver(in_flight) == 0
