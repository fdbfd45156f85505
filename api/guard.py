"""Around every request: counts it, answers HEAD, sets the headers that all answers have, and turns a crash into a
problem with an id."""

import logging
import secrets
from contextlib import suppress

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem
from api.routes import V1

log = logging.getLogger(__name__)

_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"))

# The page loads its own files and asks its own API, nothing else; all other answers load nothing at all.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
OTHER_POLICY = "default-src 'none'; frame-ancestors 'none'"


class _HeadDone(Exception):
    """The headers of an answer to HEAD are out: whatever makes its body may stop."""


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
        status, is_answered = 0, False
        is_head = scope["method"] == "HEAD"

        async def watched(message: Message) -> None:
            nonlocal status, is_answered
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(raw=[*message["headers"]])
                _complete(headers, status)
                message["headers"] = headers.raw
            elif is_head:
                is_answered = True
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                raise _HeadDone
            await send(message)

        inner = {**scope, "method": "GET"} if is_head else scope
        try:
            await self._app(inner, receive, watched)
        except Exception as error:
            if status and not is_answered:
                _count(inner, scope["method"], "aborted")
                raise
            if not is_answered:
                number = secrets.token_hex(8)
                log.error("request %s failed: %s %r", number, scope["method"], scope["path"], exc_info=error)
                response = problem(500, f"a fault of the API, in its log as {number}", scope["path"], id=number)
                with suppress(_HeadDone):
                    await response(inner, receive, watched)
        _count(inner, scope["method"], str(status))


def _complete(headers: MutableHeaders, status: int) -> None:
    """What an answer does not say itself."""
    is_page = headers.get("content-type", "").startswith("text/html")
    headers.setdefault("Cache-Control", "no-store")
    if status != 304:  # its headers replace those of what the client kept, which has the right policy
        headers.setdefault("Content-Security-Policy", PAGE_POLICY if is_page else OTHER_POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")


def _count(scope: Scope, method: str, status: str) -> None:
    # label values must be few, whatever clients send
    name = method if method in _METHODS else "other"
    scope["app"].state.services.metrics.requests.labels(_template(scope), name, status).inc()


def _template(scope: Scope) -> str:
    """The route's path with its parameters' names. FastAPI leaves out the prefix under which a router is included."""
    if "route" not in scope:
        return "unmatched"
    own: str = scope["route"].path.replace(":path}", "}")
    return (V1 if scope["path"].startswith(V1) else "") + own
