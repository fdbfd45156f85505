"""The page every process serves on its own port: /health/live, /health/ready, /health/startup, /metrics."""

import json
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest

from runtime.api_keys import bearer, refusal
from runtime.errors import CannotListen
from runtime.page_keys import ApiKeyFile

log = logging.getLogger(__name__)

Check = Callable[[], str | None]


def _answer(check: Check) -> Callable[[web.Request], "web.Response"]:
    def page(_: web.Request) -> web.Response:
        problem = check()
        return web.json_response(
            {"status": "ok"} if problem is None else {"status": "fail", "cause": problem or "no cause given"},
            status=200 if problem is None else 503,
        )

    return page


def _refusal(request: web.Request, keys: ApiKeyFile) -> web.Response | None:
    """What is answered to whoever may not see the metrics, as the API answers it; None to whoever may."""
    secret = bearer(request.headers.get("Authorization"))
    refused = keys.refused(secret, "metrics", lambda: time.time_ns() // 1_000_000)
    if refused is None:
        return None
    status, detail, headers = refusal(refused, "metrics")
    said = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    body = json.dumps(said | {"instance": request.path}).encode()
    return web.Response(body=body, status=status, headers=headers, content_type="application/problem+json")


@asynccontextmanager
async def health_page(
    host: str,
    port: int,
    *,
    ready: Check,
    live: Check = lambda: None,
    tls: ssl.SSLContext | None = None,
    keys: ApiKeyFile | None = None,
    registry: CollectorRegistry = REGISTRY,
) -> AsyncIterator[None]:
    """Serve while the context lasts. A check answers None when all is well, else what is wrong.

    `tls`: what it is served with, None for plain HTTP. `keys`: one of them, of scope metrics, opens /metrics, None if
    that is open; health asks nobody. Raises CannotListen, for one that is taken.
    """
    if keys is not None and not keys.keys:
        log.warning(
            "%s holds no key, so /metrics lets nobody in: bluflow keys create --name prometheus --scope metrics",
            keys.path,
        )

    def handler(check: Check) -> Callable[[web.Request], object]:
        page = _answer(check)

        async def handle(request: web.Request) -> web.Response:
            return page(request)

        return handle

    async def metrics(request: web.Request) -> web.Response:
        refused = None if keys is None else _refusal(request, keys)
        if refused is not None:
            return refused
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/health/live", handler(live))  # type: ignore[arg-type]
    app.router.add_get("/health/ready", handler(ready))  # type: ignore[arg-type]
    app.router.add_get("/health/startup", handler(ready))  # type: ignore[arg-type]
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port, ssl_context=tls).start()
        except OSError as error:
            raise CannotListen("health page", host, port, error) from None
        yield
    finally:
        await runner.cleanup()
