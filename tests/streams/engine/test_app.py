"""The app starts and ends without the seconds that Faust sleeps at both."""

from typing import Any

import pytest
from mode import Service

from streams.engine.app import EngineWorker
from tests.streams.engine.counting import make_app


async def test_the_tables_do_not_sleep_before_they_start(monkeypatch: pytest.MonkeyPatch) -> None:
    async def slept(self: Any, seconds: float) -> None:
        raise AssertionError(f"{self} sleeps {seconds} s")

    tables: Any = make_app("127.0.0.1:1", "unit.").tables
    done: list[str] = []

    async def update() -> None:
        done.append("channels")

    async def start() -> None:
        done.append("recovery")

    monkeypatch.setattr(Service, "sleep", slept)
    monkeypatch.setattr(tables, "_update_channels", update)
    monkeypatch.setattr(tables.recovery, "start", start)
    await tables.on_start()
    assert done == ["channels", "recovery"]


def test_the_worker_does_not_sleep_after_all_has_stopped() -> None:
    ends = EngineWorker._sentinel_task(None)  # type: ignore[arg-type]
    with pytest.raises(StopIteration):
        ends.send(None)
