"""Waiting for what happens elsewhere: a condition, a bound, and what it was that did not come."""

import asyncio
import time
from collections.abc import Callable

_ASK_EVERY = 0.02


def until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Return once the condition holds; fails the test when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(_ASK_EVERY)


async def until_async(condition: Callable[[], object], seconds: float, what: str) -> None:
    """The same while the event loop goes on."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(_ASK_EVERY)
