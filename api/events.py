"""The events of one stream: what a client missed, then what changes.

An id stands for everything up to it. Events of one batch repeat the id before it, and the last one brings the new id:
who breaks off in between gets the batch again.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator

from fastapi.sse import ServerSentEvent

from api.changes import Key, Stream
from api.live import Live, Standing
from api.position import Position, parse_position
from api.responses import Gateway, Sensor
from api.times import Clock
from api.views.gateway import gateway
from api.views.sensor import sensor

HEARTBEAT_SECONDS = 10.0
CATCH_UP_SECONDS = 2.0  # one process may be a moment behind another
_ASK_SECONDS = 0.05
RETRY_MS = 2000  # how long a browser waits before it comes back

# Its empty id makes a client that breaks off before the next one begin anew.
_RESET = ServerSentEvent(event="reset", data={}, id="")

Where = Callable[[], Position | None]  # where this process stands, None before it has read the topics


async def events(
    live: Live,
    where: Where,
    stream: Stream,
    now: Clock,
    last_id: str | None,
    *,
    heartbeat: float = HEARTBEAT_SECONDS,
    patience: float = CATCH_UP_SECONDS,
    allowed: Callable[[], bool] = lambda: True,
) -> AsyncGenerator[ServerSentEvent]:
    """For ever, until the stream is closed or no more `allowed`. `last_id` is what the client sent as Last-Event-ID.

    Without one it begins with everything. One that cannot be resumed is told so first by the event `reset`.
    """
    yield ServerSentEvent(comment="bluflow", retry=RETRY_MS)
    seen = await _resumable(where, stream, last_id, patience)
    if seen:
        stream.add(missed(live.at(now()), seen))
    else:
        if last_id:
            yield _RESET
        last_id = None
        stream.add(everything(live))
    while not stream.closed and allowed():
        here, batch = where(), stream.take()  # together: nothing is applied in between
        standing = live.at(now())
        for number, key in enumerate(batch):
            model = _model(standing, key)
            if model is None:  # it is gone, and no event says so
                yield _RESET
                last_id = None
                stream.add(everything(live))
                break
            if number + 1 == len(batch) and here:
                last_id = here.text()
            yield ServerSentEvent(event=key[0], data=model, id=last_id)
        if not batch:
            if here:
                last_id = here.text()
            yield ServerSentEvent(comment="heartbeat", id=last_id)
        await stream.wait(heartbeat)


async def _resumable(where: Where, stream: Stream, last_id: str | None, patience: float) -> Position | None:
    """The position of the client's id once the topics were read that far; None if that cannot be."""
    while where() is None and not stream.closed:  # noqa: ASYNC110 - the follower has no event for it
        await asyncio.sleep(_ASK_SECONDS)
    seen = parse_position(last_id) if last_id else None
    loop = asyncio.get_running_loop()
    latest = loop.time() + patience
    while seen and not stream.closed:
        here = where()
        if here and not seen.is_ahead_of(here):
            return seen
        if loop.time() > latest:
            return None
        await asyncio.sleep(_ASK_SECONDS)
    return None


def everything(live: Live) -> Iterator[Key]:
    """Every sensor and every gateway."""
    for id in live.sensor_ids():
        yield ("sensor", id)
    for one in live.gateways.all():
        yield ("gateway", one.prefix)


def missed(standing: Standing, seen: Position) -> Iterator[Key]:
    """What one does not know who has seen all up to a position.

    Whatever had a record since. And whoever is not fresh: that comes by time alone, which no position tells.
    """
    live = standing.live
    sensors, gateways = seen.offsets
    for id in live.sensor_ids():
        row = live.sensors.row(id)
        new = row is not None and row.place is not None and row.place.after > sensors[row.place.partition]
        if new or standing.verdict(id)[:2] != ("fresh", None):
            yield ("sensor", id)
    for prefix, held in live.gateways.rows():
        new = held.place is not None and held.place.after > gateways[held.place.partition]
        if new or (held.state is not None and standing.is_silent(held.state)):
            yield ("gateway", prefix)


def _model(standing: Standing, key: Key) -> Sensor | Gateway | None:
    kind, id = key
    if kind == "sensor":
        return sensor(standing, id) if standing.live.knows(id) else None
    state = standing.live.gateways.get(id)
    return None if state is None else gateway(standing, state)
