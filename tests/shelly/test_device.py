"""A gateway is looked at call by call, and some take long to answer."""

import time
from typing import Any, cast

import pytest

from shelly.rpc.client import Rpc
from shelly.setup.check import findings
from shelly.setup.device import Identity, look

SLOW = 120.0  # seconds a call


class SlowGateway:
    """Its clock and ours are the same; every call takes its time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_768_464_000.0
        monkeypatch.setattr(time, "time", lambda: self.now)

    async def call(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        self.now += SLOW / 2
        answers: dict[str, dict[str, Any]] = {
            "Sys.GetConfig": {"sntp": {"server": "time.google.com"}},
            "Sys.GetStatus": {"unixtime": self.now},
        }
        self.now += SLOW / 2
        return answers.get(method, {})


async def test_a_slow_gateway_has_no_wrong_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    rpc, identity = cast(Rpc, SlowGateway(monkeypatch)), Identity("shellypro2-1", "SPSW-202XE12UL", 2, "1.6.2", False)
    device = await look(rpc, identity, frozenset({"Script.List"}))
    assert not [found.what for found in findings(device, "") if found.what.startswith("clock")]
