"""Around every request: counts it, forbids caching of live data, turns a crash into a problem with an id."""

import logging
import secrets

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem

log = logging.getLogger(__name__)

_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"))


class Guard:
    """ASGI middleware. A failure before the first byte is a 500 problem; after it the connection breaks off.

    A stream that failed must never look complete, so the exception goes on to the server, which closes the socket.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"cache-control", b"no-store")]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            if status:
                _count(scope, "aborted")
                raise
            number = secrets.token_hex(8)
            log.exception("request %s failed: %s %r", number, scope["method"], scope["path"])
            response = problem(500, f"a fault of the API, in its log as {number}", scope["path"], id=number)
            await response(scope, receive, watched)
        _count(scope, str(status))


def _count(scope: Scope, status: str) -> None:
    # label values must be few, whatever clients send
    method = scope["method"] if scope["method"] in _METHODS else "other"
    scope["app"].state.services.metrics.requests.labels(_template(scope), method, status).inc()


def _template(scope: Scope) -> str:
    """The route's path with its parameters' names. FastAPI leaves out the prefix under which a router is included."""
    if "route" not in scope:
        return "unmatched"
    own: str = scope["route"].path
    prefix = scope["path"].split("/")[: -own.count("/")]
    return "/".join(prefix) + own
