"""`python -m benchmarks.api.client ADDRESS AT_ONCE COUNT PATH...`: asks for the paths in turn, so many at once, each
the next when it has its answer; says how long each answer took, and what asking cost.
"""

import asyncio
import itertools
import sys
import time

import msgspec

from benchmarks.http import Client
from benchmarks.meter import cpu_seconds, say


class Served(msgspec.Struct, frozen=True):
    """Latencies and seconds in all, seconds of CPU of this client; bytes of an answer on average."""

    latencies: list[float]
    seconds: float
    cpu: float
    size: float


async def ask(address: str, at_once: int, count: int, paths: list[str]) -> Served:
    """Raises RuntimeError for an answer that is not 200."""
    client, todo = Client(address, at_once), itertools.islice(itertools.cycle(paths), count)
    latencies, sizes = list[float](), list[int]()

    async def work() -> None:
        for path in todo:
            began = time.perf_counter()
            status, body = await client.get(path)
            latencies.append(time.perf_counter() - began)
            sizes.append(len(body))
            if status != 200:
                raise RuntimeError(f"{path}: {status}")

    began, cpu = time.perf_counter(), cpu_seconds()
    await asyncio.gather(*(work() for _ in range(at_once)))
    found = Served(latencies, time.perf_counter() - began, cpu_seconds() - cpu, sum(sizes) / len(sizes))
    await client.close()
    return found


if __name__ == "__main__":
    say(asyncio.run(ask(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])))
