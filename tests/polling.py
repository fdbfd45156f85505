"""Waiting for what happens elsewhere: a condition, a bound, and what it was that did not come."""

import asyncio
import time
from collections.abc import Callable

_ASK_EVERY = 0.02


def until(condition: Callable[[], object], seconds: float, what: str, *, every: float = _ASK_EVERY) -> None:
    """Return once the condition holds; fails the test when it does not in time. `every`: pause between two looks."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(every)


async def until_async(condition: Callable[[], object], seconds: float, what: str) -> None:
    """The same while the event loop goes on."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(_ASK_EVERY)
