"""Who may ask what: the key of a request against the scope that its path needs."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from api.problems import problem
from api.routes import V1
from api.services import Services
from runtime.api_keys import Refused, Scope, bearer, refusal

COOKIE = "bluflow_key"  # an event stream of the browser cannot send a header, a cookie goes along by itself
SESSION = "/session"

Ask = Callable[[], Refused | None]

_READS = ("GET", "HEAD", "OPTIONS")
# what says nothing of the house: the page's program, the description, whether the process is well
_OPEN = ("/", "/openapi.json", "/health/live", "/health/ready", "/health/startup")


def needed(method: str, path: str) -> Scope | None:
    """The scope that a request needs; None for what is open to everyone."""
    own = path.removeprefix(V1)
    if path == SESSION:
        return None if method == "DELETE" else "read"
    if method not in _READS:
        return "write"
    if path in _OPEN or own in _OPEN[2:] or path.startswith("/assets/"):
        return None
    return "metrics" if own == "/metrics" else "read"


def secret_of(request: Request) -> str | None:
    """The key that a request brings: None if it brings none, empty if the header is no Bearer's.

    A cookie only reads, so no other site can make it write.
    """
    header = request.headers.get("authorization")
    if header is None and request.method in _READS:
        return request.cookies.get(COOKIE)
    return bearer(header)


class Access:
    """ASGI middleware, inside the guard. Every 401 is the same, whatever was wrong: the metric has the reason."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            services: Services = scope["app"].state.services
            wanted = needed(scope["method"], scope["path"])
            if services.keys is not None and wanted is not None:
                secret = secret_of(Request(scope))
                ask: Ask = partial(services.keys.refused, secret, wanted, services.now)
                scope.setdefault("state", {})["refused"] = ask
                if refused := ask():
                    services.metrics.refused.labels(refused).inc()
                    status, detail, headers = refusal(refused, wanted)
                    await problem(status, detail, scope["path"], headers=headers)(scope, receive, send)
                    return
        await self._app(scope, receive, send)


async def _allowed(request: Request) -> Callable[[], bool]:
    ask: Ask = getattr(request.state, "refused", lambda: None)
    return lambda: ask() is None


# whether the key that was let in still would be, for an answer that has no end
StillAllowed = Annotated[Callable[[], bool], Depends(_allowed)]
