"""Each engine with a place of one test's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.engines import ENGINES, Store
from tests.influxdb import Influx, influx

__all__ = ["influx"]


@pytest.fixture(params=list(ENGINES))
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def place(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Where ENGINES opens the store of this test."""
    if engine == "influxdb":
        server: Influx = request.getfixturevalue("influx")
        server.write_down(tmp_path)
    return tmp_path


@pytest.fixture
async def store(engine: str, place: Path) -> AsyncIterator[Store]:
    opened = ENGINES[engine](place)
    yield opened
    await opened.close()
