"""HTTP as cheap as it gets, for whoever measures on the same machine: kept connections, bytes in, bytes out."""

import asyncio
from contextlib import suppress
from typing import NamedTuple

from runtime.settings import host_port


class Answer(NamedTuple):
    """Status and body, as it came."""

    status: int
    body: bytes


class Client:
    """GET on kept connections to one server, `most` at once; whoever comes then waits for his turn."""

    def __init__(self, address: str, most: int = 8) -> None:
        self.address = address
        self._turns = asyncio.Semaphore(most)
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def get(self, path: str) -> Answer:
        """Raises OSError, or asyncio.IncompleteReadError for an answer that breaks off."""
        async with self._turns:
            reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection(*host_port(self.address))
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {self.address}\r\n\r\n".encode())
                answer = await _answer(reader)
            except BaseException:
                writer.close()
                raise
            self._idle.append((reader, writer))
            return answer

    async def close(self) -> None:
        """Every connection that is not in use."""
        for _, writer in self._idle:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        self._idle.clear()


async def _answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head.split(b" ", 2)[1])
    _, found, length = head.partition(b"content-length:")
    if found:
        return Answer(status, await reader.readexactly(int(length.split(b"\r\n", 1)[0])))
    if b"transfer-encoding: chunked" not in head:
        return Answer(status, b"")
    chunks = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        chunks.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readexactly(2)
    return Answer(status, b"".join(chunks))
