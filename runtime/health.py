"""The page every process serves on its own port: /health/live, /health/ready, /health/startup, /metrics."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest

from runtime.errors import CannotListen

Check = Callable[[], str | None]


def _answer(check: Check) -> Callable[[web.Request], "web.Response"]:
    def page(_: web.Request) -> web.Response:
        problem = check()
        return web.json_response(
            {"status": "ok"} if problem is None else {"status": "fail", "cause": problem or "no cause given"},
            status=200 if problem is None else 503,
        )

    return page


@asynccontextmanager
async def health_page(
    host: str,
    port: int,
    *,
    ready: Check,
    live: Check = lambda: None,
    tls: ssl.SSLContext | None = None,
    registry: CollectorRegistry = REGISTRY,
) -> AsyncIterator[None]:
    """Serve while the context lasts. A check answers None when all is well, else what is wrong.

    `tls`: what it is served with, None for plain HTTP.
    Raises CannotListen, for one that is taken.
    """

    def handler(check: Check) -> Callable[[web.Request], object]:
        page = _answer(check)

        async def handle(request: web.Request) -> web.Response:
            return page(request)

        return handle

    async def metrics(_: web.Request) -> web.Response:
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
