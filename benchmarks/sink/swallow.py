"""`python -m benchmarks.sink.swallow PORT`: an HTTP server that takes whatever is posted and says 204, and counts
nothing: what is measured is the writing side.
"""

import asyncio
import sys

from aiohttp import web


async def swallow(request: web.BaseRequest) -> web.StreamResponse:
    """Read to the end."""
    async for _ in request.content.iter_any():
        pass
    return web.Response(status=204)


async def main(port: int) -> None:
    """For ever."""
    runner = web.ServerRunner(web.Server(swallow, auto_decompress=False))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
