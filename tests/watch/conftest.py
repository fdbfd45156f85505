"""One watched house for all tests of this folder, and no longer."""

from collections.abc import Iterator

import pytest

from tests.influxdb import Influx, influx
from tests.watch.house import House, watched_house

__all__ = ["influx"]


@pytest.fixture(scope="package")
def house(influx: Influx, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with watched_house(tmp_path_factory.mktemp("watched"), influx) as running:
        yield running
