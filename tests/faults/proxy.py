"""A TCP proxy whose network can be made bad: cut, slow, or through. It runs as a child process.

`python -m tests.faults.proxy CONTROL_PORT LISTEN:TARGET...`; a line to the control port (`cut`, `through`,
`latency SECONDS`) is answered with `ok` once it holds.
"""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path

from cli.child import spawn
from cli.embedded import wait_until_accepts
from tests.conftest import find_free_port

ROOT = Path(__file__).parents[2]
_CHUNK = 64 * 1024


class Proxy:
    """The child, as the test commands it. `ports`: where it listens -> where it goes."""

    def __init__(self, log: Path, ports: Mapping[int, int]) -> None:
        self.log, self.ports = log, ports
        self._control = find_free_port()
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return once it listens."""
        routes = [f"{listen}:{target}" for listen, target in self.ports.items()]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "tests.faults.proxy", str(self._control), *routes]
            self._child = spawn(command, stdout=log, stderr=log, cwd=str(ROOT))
        wait_until_accepts(f"127.0.0.1:{self._control}")

    def stop(self) -> None:
        """At once."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()

    def cut(self) -> None:
        """Every connection dies, new ones are refused."""
        self._say("cut")

    def through(self) -> None:
        """As if it were not there."""
        self._say("through")

    def latency(self, seconds: float) -> None:
        """Every chunk arrives so much later, in both directions, at any throughput."""
        self._say(f"latency {seconds}")

    def _say(self, line: str) -> None:
        with socket.create_connection(("127.0.0.1", self._control), timeout=10) as connection:
            connection.sendall(f"{line}\n".encode())
            answer = connection.recv(10)
        assert answer == b"ok\n", answer


class _Network:
    """What the child does."""

    def __init__(self, routes: Mapping[int, int]) -> None:
        self.routes = routes
        self.delay = 0.0
        self._servers: list[asyncio.Server] = []
        self._open: set[asyncio.StreamWriter] = set()

    async def through(self) -> None:
        self.delay = 0.0
        if not self._servers:
            for listen, target in self.routes.items():
                self._servers.append(await asyncio.start_server(self._carrier(target), "127.0.0.1", listen))

    def cut(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()
        for writer in self._open:
            writer.transport.abort()

    async def obey(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        words = (await reader.readline()).decode().split()
        match words:
            case ["cut"]:
                self.cut()
            case ["through"]:
                await self.through()
            case ["latency", seconds]:
                self.delay = float(seconds)
        if words:
            writer.write(b"ok\n")
        writer.close()

    def _carrier(self, target: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
            except OSError:
                writer.transport.abort()
                return
            ends = {writer, far_writer}
            self._open |= ends
            await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer))
            self._open -= ends

        return carry

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One direction, each chunk `delay` after it came; a delay holds nothing else up."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(1000)

        async def deliver() -> None:
            while True:
                due, chunk = await waiting.get()
                if due > loop.time():
                    await asyncio.sleep(due - loop.time())
                if not chunk:
                    return
                writer.write(chunk)
                await writer.drain()

        delivering = asyncio.create_task(deliver())
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                await waiting.put((loop.time() + self.delay, chunk))
        await waiting.put((loop.time() + self.delay, b""))
        with suppress(OSError):
            await delivering
        writer.close()


async def _main(control: int, routes: Mapping[int, int]) -> None:
    network = _Network(routes)
    await network.through()
    server = await asyncio.start_server(network.obey, "127.0.0.1", control)
    await server.serve_forever()


if __name__ == "__main__":
    pairs = (route.split(":") for route in sys.argv[2:])
    asyncio.run(_main(int(sys.argv[1]), {int(listen): int(target) for listen, target in pairs}))
