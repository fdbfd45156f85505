"""What changes, as server-sent events."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.access import StillAllowed
from api.changes import Stream
from api.events import events
from api.problems import described
from api.services import Use

router = APIRouter(tags=["stream"])

_EXAMPLE = (
    'event: sensor\ndata: {"id":"7c:c6:b6:bd:4c:b5","freshness":"fresh"}\nid: ksQGZ9\n\n: heartbeat\nid: ksQGZ9\n\n'
)


async def listening(services: Use) -> AsyncIterator[Stream]:
    """A share of the changes as long as the answer lasts."""
    with services.changes.listen() as stream:
        yield stream


@router.get(
    "/stream",
    summary="What changes, live",
    response_class=EventSourceResponse,
    responses={
        200: {
            "description": "Server-sent events without end",
            "content": {"text/event-stream": {"example": _EXAMPLE}},
            "headers": {"Cache-Control": {"description": "no-cache", "schema": {"type": "string"}}},
        },
        **described(422, 503),
    },
)
async def get_stream(
    services: Use,
    allowed: StillAllowed,
    stream: Annotated[Stream, Depends(listening)],
    last_event_id: Annotated[str | None, Header(description="id of the last event seen: goes on after it")] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Events `sensor` and `gateway`, whose data are as in the lists, at every change and when their freshness changes.

    Begins with all of them, or with what a client missed that sends its Last-Event-ID, here or at another process of
    this API. `reset`: forget what you hold, all follows anew. A slow client gets the newest state of each only.
    It ends, ten seconds later at most, when its key is revoked or expires.
    """
    async for event in events(services.live, services.position, stream, services.now, last_event_id, allowed=allowed):
        yield event
