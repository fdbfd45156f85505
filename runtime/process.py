"""How a process starts and stops: logging, signals, exit codes."""

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable


def setup_logging(level: str) -> None:
    """One line an event on stderr. The clients' own chatter only from WARNING on."""
    logging.basicConfig(
        level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    for name in ("aiokafka", "aiohttp.access", "uvicorn.access", "faust", "mode"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))


def run(main: Callable[[asyncio.Event], Awaitable[None]], *, log_level: str) -> None:
    """Run `main(stop)` until it returns; SIGTERM and SIGINT set `stop`, and `main` then ends in order."""
    setup_logging(log_level)

    async def supervised() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await main(stop)

    asyncio.run(supervised())
