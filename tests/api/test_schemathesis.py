"""Every documented operation, asked in every way that a machine can think of: nothing undocumented, no 5xx."""

import asyncio
import dataclasses
import sys
from pathlib import Path

import pytest

from api.services import Services
from history.sqlite import SqliteHistory
from runtime.api_keys import create
from runtime.page_keys import ApiKeyFile
from schemas.delivery import Delivery
from tests.api.conftest import register
from tests.api.fakes import GATEWAY, NOW, OTHER, SENSOR, aggregate, gateway, latest, reading
from tests.api.test_server import serving

# What a schema cannot say is left to other tests: that `from` lies before `to`, which sensors there are, and that
# a cursor comes from a Link header.
CONFIG = """
[checks]
positive_data_acceptance.expected-statuses = [200, 304, 400, 401, 404, 406, 422]
"""
EXAMPLES, SEED = 25, 20260301
FEW = 8  # with keys: what a key changes is in every case


@pytest.mark.parametrize("with_keys", [False, True], ids=["open", "with keys"])
async def test_the_description_is_the_whole_truth(services: Services, tmp_path: Path, with_keys: bool) -> None:
    headers: list[str] = []
    if with_keys:
        path = tmp_path / "api-keys.json"
        headers = ["--header", f"Authorization: Bearer {create(path, 'all', 'write', NOW)}"]
        services = dataclasses.replace(services, keys=ApiKeyFile(path))
    services.live.sensors.apply(SENSOR, latest(values={"temperature": [21.5, 22.0], "text": "a,b"}))
    services.live.sensors.apply(OTHER, latest(OTHER, seen=None))
    services.live.gateways.apply(GATEWAY, gateway(online=True))
    register(services, f"  {SENSOR}: {{name: Fridge, location: Kitchen, limits: {{temperature: [2, 8]}}}}\n")
    assert isinstance(services.history, SqliteHistory)
    await services.history.write([reading(NOW - 60_000), reading(NOW - 1, OTHER)])
    await services.history.write_aggregates([aggregate(NOW - 300_000), aggregate(NOW - NOW % 86_400_000, width=86_400)])
    await services.history.write_deliveries(
        [Delivery(SENSOR, NOW - NOW % 3_600_000 - 3_600_000, 60, 58, {GATEWAY: 58}, 1)]
    )
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    examples = str(FEW if with_keys else EXAMPLES)
    async with serving(services, services.history) as client:
        command = Path(sys.executable).with_name("schemathesis")
        child = await asyncio.create_subprocess_exec(
            *(str(command), "--config-file", str(config), "run", f"{client.base_url}/openapi.json"),
            *("--checks", "all", "--seed", str(SEED), "--max-examples", examples, "--no-color"),
            *("--phases", "examples,coverage,fuzzing", "--generation-database", "none"),
            *("--exclude-path", "/api/v1/stream"),  # it has no end; its answers are in test_events.py
            *headers,
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(child.communicate(), 240)
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
    assert child.returncode == 0, output.decode()
