"""A stand-in gateway and a person in front of it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.processes import environment
from tests.shelly.gateways import Person
from tests.shelly.rpc_server import serving
from tests.shelly.stand_in_gateway import StandInGateway


@pytest.fixture
def firmware() -> str:
    """The mission's; a test that is about another parametrizes it."""
    return "1.6.2"


@pytest.fixture
def gateway(firmware: str) -> StandInGateway:
    """A boxed Pro 2: MQTT and Bluetooth off, no password."""
    return StandInGateway(firmware)


@pytest.fixture
def person(
    gateway: StandInGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Person]:
    for name in os.environ.keys() - environment().keys():
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("shelly.setup.apply._POLL", 0.05)  # the stand-in boots faster than a gateway
    with serving(gateway) as address:
        yield Person(gateway, address, tmp_path, capsys)
