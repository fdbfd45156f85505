"""The health page: what is wrong is said, also by a check that does not know a word for it."""

from collections.abc import Callable

import aiohttp
import pytest

from runtime.health import health_page


@pytest.mark.parametrize(
    ("problem", "answer"),
    [
        (None, (200, {"status": "ok"})),
        ("Kafka is away", (503, {"status": "fail", "cause": "Kafka is away"})),
        ("", (503, {"status": "fail", "cause": "no cause given"})),
    ],
)
async def test_ready_says_what_is_wrong(
    free_port: Callable[[], int], problem: str | None, answer: tuple[int, dict[str, str]]
) -> None:
    port = free_port()
    async with health_page("127.0.0.1", port, ready=lambda: problem), aiohttp.ClientSession() as session:
        for page, expected in (("ready", answer), ("startup", answer), ("live", (200, {"status": "ok"}))):
            async with session.get(f"http://127.0.0.1:{port}/health/{page}") as response:
                assert (response.status, await response.json()) == expected
