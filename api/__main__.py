"""`python -m api`"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from api.app import create_app
from api.settings import ApiSettings
from runtime.process import listen, main
from runtime.tls import page_tls


class Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: `runtime.process` has them for every process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(settings: ApiSettings, stop: asyncio.Event) -> None:
    """Serve until `stop`. Raises CannotListen."""
    listening = listen(settings, settings.port, "api cannot listen")
    app = create_app(settings)
    tls = page_tls(settings)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
        ssl_context_factory=(lambda *_: tls) if tls else None,
    )
    server = Server(config)

    async def end() -> None:
        await stop.wait()
        app.state.services.changes.close()  # event streams never end by themselves
        server.should_exit = True

    ending = asyncio.create_task(end())
    await server.serve(sockets=[listening])
    ending.cancel()


if __name__ == "__main__":
    main(ApiSettings, serve, name="api", kafka=True)
