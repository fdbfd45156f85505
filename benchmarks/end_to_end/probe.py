"""`python -m benchmarks.end_to_end.probe PLAN`: asks the API and the history for a sample of the packets until each is
there. Latency counts from when the packet was due, so whatever waits anywhere counts.

Who asks every 10 ms sees no finer; the longer a packet is away the seldomer it is asked for, a tenth of its age: asking
costs the machine that is measured.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from benchmarks.end_to_end.plan import Plan
from benchmarks.http import Client
from benchmarks.meter import say
from history.sqlite import SqliteHistory
from history.store import StoreUnavailable

GIVE_UP = 10.0  # seconds
_ASK_EVERY, _ASK_EACH = 0.01, 0.1
_AROUND = 30_000  # milliseconds


class Seen(msgspec.Struct, frozen=True):
    """Latencies in seconds, in the order of sending; a packet that was given up has GIVE_UP."""

    api: list[float]
    history: list[float]


class _Id(msgspec.Struct):
    packet_id: int | None


_decode = msgspec.json.Decoder(_Id).decode


async def wait_for(there: Callable[[], Awaitable[bool]], due: float) -> float:
    """Seconds from `due` until it is there."""
    while True:
        age = time.time() - due
        if age >= GIVE_UP:
            return GIVE_UP
        if age >= 0 and await there():
            return time.time() - due
        await asyncio.sleep(max(_ASK_EVERY, age * _ASK_EACH, -age))


async def probe(plan: Plan) -> Seen:
    """Until the last of the sample is there or given up."""
    client, history = Client(plan.api), SqliteHistory(Path(plan.history))

    async def in_api(sensor: str, packet_id: int) -> bool:
        try:
            status, body = await client.get(f"/api/v1/sensors/{sensor}")
            return status == 200 and _decode(body).packet_id == packet_id
        except (OSError, EOFError):
            return False

    async def in_history(sensor: str, packet_id: int, at: int) -> bool:
        try:
            async for reading in history.readings(sensor, at - _AROUND, at + _AROUND):
                if reading.packet_id == packet_id:
                    return True
        except StoreUnavailable:
            pass
        return False

    async def look(place: int) -> tuple[float, float]:
        sensor, packet_id = plan.who(place)
        due = plan.due(place)
        await asyncio.sleep(due - time.time())
        return await asyncio.gather(
            wait_for(lambda: in_api(sensor, packet_id), due),
            wait_for(lambda: in_history(sensor, packet_id, round(due * 1000)), due),
        )

    step = max(1, round(plan.rate / plan.probes))
    places = range(int(plan.warm * plan.rate), plan.packets, step)
    found = await asyncio.gather(*map(look, places))
    await client.close()
    await history.close()
    return Seen([each[0] for each in found], [each[1] for each in found])


if __name__ == "__main__":
    say(asyncio.run(probe(msgspec.json.decode(sys.argv[1], type=Plan))))
