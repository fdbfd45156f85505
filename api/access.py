"""Who may ask what: the key of a request against the scope that its path needs."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal

from fastapi import Depends
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from api.key_file import ApiKeyFile
from api.keys import ApiKey, Scope, find
from api.problems import problem
from api.routes import V1
from api.services import Services
from api.times import Clock

log = logging.getLogger(__name__)

COOKIE = "bluflow_key"  # an event stream of the browser cannot send a header, a cookie goes along by itself
SESSION = "/session"

Refused = Literal["missing", "malformed", "unknown", "expired", "scope"]

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
    if header is None:
        return request.cookies.get(COOKIE) if request.method in _READS else None
    scheme, _, secret = header.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def judge(keys: tuple[ApiKey, ...], secret: str | None, scope: Scope, now: int) -> Refused | None:
    """Why the secret is refused; None if it may."""
    if not secret:
        return "missing" if secret is None else "malformed"
    key = find(keys, secret)
    if key is None:
        return "unknown"
    if key.expired(now):
        return "expired"
    return None if key.allows(scope) else "scope"


class Access:
    """ASGI middleware, inside the guard. Every 401 is the same, whatever was wrong: the metric has the reason."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            services: Services = scope["app"].state.services
            wanted = needed(scope["method"], scope["path"])
            if services.keys is not None and wanted is not None:
                ask = partial(_refused, services.keys, secret_of(Request(scope)), wanted, services.now)
                scope.setdefault("state", {})["refused"] = ask
                if refused := ask():
                    services.metrics.refused.labels(refused).inc()
                    await _refusal(refused, wanted, scope["path"])(scope, receive, send)
                    return
        await self._app(scope, receive, send)


def _refused(keys: ApiKeyFile, secret: str | None, wanted: Scope, now: Clock) -> Refused | None:
    """As `judge`, by the file as it is now."""
    if trouble := keys.refresh():
        log.error("%s; the keys stay as they were", trouble)
    return judge(keys.keys, secret, wanted, now())


async def _allowed(request: Request) -> Callable[[], bool]:
    ask: Callable[[], Refused | None] = getattr(request.state, "refused", lambda: None)
    return lambda: ask() is None


# whether the key that was let in still would be, for an answer that has no end
StillAllowed = Annotated[Callable[[], bool], Depends(_allowed)]


def _refusal(refused: Refused, wanted: Scope, path: str) -> ASGIApp:
    if refused == "scope":
        challenge = f'Bearer realm="bluflow", error="insufficient_scope", scope="{wanted}"'
        return problem(403, f"this needs a key of scope {wanted}", path, headers={"WWW-Authenticate": challenge})
    detail = "this needs a valid API key: Authorization: Bearer <key>; `bluflow keys create` makes one"
    return problem(401, detail, path, headers={"WWW-Authenticate": 'Bearer realm="bluflow"'})
