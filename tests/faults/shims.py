"""A store that fails on demand: a proxy before InfluxDB whose answers to writes are named in a file.

`python -m tests.faults.shims UPSTREAM PORT ORDER_FILE`. Orders: empty for none, `slow`, a status such as `500`, or
`400 TEXT`, which refuses whatever batch holds the text and takes the others.
"""

import asyncio
import sys
from pathlib import Path
from subprocess import Popen

import aiohttp
from aiohttp import web

from cli.child import spawn
from cli.embedded import wait_until_accepts
from tests.conftest import find_free_port

_ROOT = Path(__file__).parents[2]
_SLOW_SECONDS = 1.0


class Shim:
    """The child process; `order` says how it answers from now on."""

    def __init__(self, upstream: int, folder: Path) -> None:
        self._upstream, self._orders, self._port = upstream, folder / "orders", find_free_port()
        self._child: Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Return once it answers."""
        self.order("")
        command = [sys.executable, "-m", "tests.faults.shims", str(self._upstream), str(self._port), str(self._orders)]
        self._child = spawn(command, cwd=str(_ROOT))
        wait_until_accepts(f"127.0.0.1:{self._port}")

    def order(self, text: str) -> None:
        """What to do with writes."""
        beside = self._orders.with_suffix(".new")
        beside.write_text(text)
        beside.rename(self._orders)

    def stop(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()


def proxy(upstream: int, orders: Path) -> web.Application:
    """Passes everything on, writes only as ordered."""

    async def handle(request: web.Request) -> web.Response:
        body = await request.read()  # unpacked by aiohttp
        if request.path == "/api/v2/write":
            status, _, text = orders.read_text().partition(" ")
            if status == "slow":
                await asyncio.sleep(_SLOW_SECONDS)
            elif status and text.encode() in body:
                problem = {"code": "ordered", "message": f"ordered to answer {status}"}
                headers = {"Retry-After": "1"} if status == "429" else {}
                return web.json_response(problem, status=int(status), headers=headers)
        names = ("Authorization", "Content-Type", "Accept")
        headers = {name: request.headers[name] for name in names if name in request.headers}
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.request(
                    request.method,
                    f"http://127.0.0.1:{upstream}{request.path}",
                    params=request.query,
                    data=body,
                    headers=headers,
                ) as answer,
            ):
                said = await answer.read()
                return web.Response(body=said, status=answer.status, content_type=answer.content_type)
        except aiohttp.ClientError:
            return web.json_response({"code": "unavailable", "message": "upstream is away"}, status=503)

    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_route("*", "/{path:.*}", handle)
    return app


if __name__ == "__main__":
    web.run_app(proxy(int(sys.argv[1]), Path(sys.argv[3])), host="127.0.0.1", port=int(sys.argv[2]), print=None)
