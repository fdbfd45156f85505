"""`python -m api`"""

import asyncio
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from api.app import create_app
from api.settings import ApiSettings
from runtime.kafka import fetch_patiently
from runtime.process import run
from runtime.settings import load_or_exit


class Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: `runtime.process` has them for every process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind_or_exit(host: str, port: int) -> socket.socket:
    """The listening socket, or one line on stderr and exit 2."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]  # create_server adds the address once more
        sys.stderr.write(f"bluflow: api cannot listen on {host}:{port}: {reason}; set API_PORT\n")
        raise SystemExit(2) from None


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = load_or_exit(ApiSettings)
    fetch_patiently()
    listening = bind_or_exit(settings.host, settings.port)

    async def serve(stop: asyncio.Event) -> None:
        config = uvicorn.Config(create_app(settings), log_config=None, access_log=False, timeout_graceful_shutdown=5)
        server = Server(config)

        async def end() -> None:
            await stop.wait()
            server.should_exit = True

        ending = asyncio.create_task(end())
        await server.serve(sockets=[listening])
        ending.cancel()

    run(serve, log_level=settings.log_level)


if __name__ == "__main__":
    main()
