"""Who may ask what: the key of a request against the scope that its path needs."""

import logging

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from api.problems import problem
from api.routes import V1
from api.services import Services
from runtime.api_keys import Scope, bearer, judge, refusal

log = logging.getLogger(__name__)

COOKIE = "bluflow_key"  # an event stream of the browser cannot send a header, a cookie goes along by itself
SESSION = "/session"

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
                if trouble := services.keys.refresh():
                    log.error("%s; the keys stay as they were", trouble)
                refused = judge(services.keys.keys, secret_of(Request(scope)), wanted, services.now())
                if refused:
                    services.metrics.refused.labels(refused).inc()
                    status, detail, headers = refusal(refused, wanted)
                    await problem(status, detail, scope["path"], headers=headers)(scope, receive, send)
                    return
        await self._app(scope, receive, send)
