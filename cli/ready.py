"""Whether a child is up: its port accepts, its health page says 200. Asked only while something starts."""

import asyncio
import ssl
import time

from runtime.settings import host_port

_ASK_EVERY = 0.05


async def accepts(address: str) -> bool:
    """Whether something accepts TCP connections on `host:port`."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(*host_port(address)), 1.0)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def says_ready(address: str, path: str, tls: ssl.SSLContext | None = None) -> bool:
    """Whether GET `path` answers 200, over TLS if that is given."""
    try:
        async with asyncio.timeout(2.0):
            reader, writer = await asyncio.open_connection(*host_port(address), ssl=tls)
            try:
                writer.write(f"GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n".encode())
                status = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return status.split(b" ")[1:2] == [b"200"]


async def until_accepts(address: str, seconds: float) -> bool:
    """Wait until `host:port` accepts; False if it does not in time."""
    deadline = time.monotonic() + seconds
    while not await accepts(address):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_ASK_EVERY)
    return True


async def until_ready(address: str, path: str, seconds: float, tls: ssl.SSLContext | None = None) -> bool:
    """Wait until the health page says 200; False if it does not in time."""
    deadline = time.monotonic() + seconds
    while not await says_ready(address, path, tls):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(4 * _ASK_EVERY)
    return True
