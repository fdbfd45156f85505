"""InfluxDB refuses, dawdles, dies: the sinks write all of it once they can; only bad points are left out."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from schemas.topics import DEAD_LETTERS
from tests.faults.evidence import Evidence
from tests.faults.judge import Judge
from tests.faults.ledger import Ledger
from tests.faults.load import Plan, publishing
from tests.faults.pipeline import Pipeline
from tests.faults.shims import Shim
from tests.influxdb import Influx, running

SENSORS = 100
RATE = 1000
HURT_SECONDS = 3
ORDERS = ("500", "429", "401", "slow")
KILLED, BAD_POINT = "influxd killed", "400 for one point of a batch"


@contextmanager
def standing(pipeline: Pipeline, folder: Path, block: int) -> Iterator[tuple[Pipeline, Influx, Shim]]:
    """A pipeline on the same broker whose history is in InfluxDB behind the shim."""
    (folder / "influxdb").mkdir()
    with running(folder / "influxdb") as influx:
        bucket = influx.make_buckets()
        influx.token_file.chmod(0o600)
        shim = Shim(influx.port, folder)
        env = {
            "HISTORY": "influxdb",
            "INFLUXDB_URL": shim.url,
            "INFLUXDB_BUCKET": bucket,
            "INFLUXDB_TOKEN_FILE": str(influx.token_file),
        }
        own = Pipeline(
            folder / "own",
            pipeline.cluster,
            f"influx-{block}.",
            env=env,
            open_history=lambda: influx.history(bucket),
        )
        try:
            shim.start()
            own.start_all()
            yield own, influx, shim
        finally:
            own.stop_all()
            shim.stop()


def hurt(own: Pipeline, influx: Influx, shim: Shim, plan: Plan, fault: str) -> Ledger:
    """Traffic with the fault in its middle, a bad point's throughout; gives what was acknowledged."""
    if fault == BAD_POINT:
        shim.order(f"400 {plan.sensor(0)}")
    with publishing(plan) as load:
        own.until(lambda: len(load.ledger.packets()) > RATE, 60, "traffic")
        if fault == KILLED:
            influx.kill()
        elif fault != BAD_POINT:
            shim.order(fault)
        if fault not in (BAD_POINT, "slow"):
            own.until(lambda: not own.ready("sinks"), 30, "the sinks say that they cannot write")
        mended_at = time.time() + HURT_SECONDS
        own.until(lambda: load.done and time.time() >= mended_at, 120, "the fault had its time")
        if fault == KILLED:
            influx.start()
        elif fault != BAD_POINT:
            shim.order("")
        return load.ledger.packets()


@pytest.mark.timeout(600)
def test_influxdb_in_trouble(pipeline: Pipeline, block: int, tmp_path: Path, judge: Judge) -> None:
    with standing(pipeline, tmp_path, block) as (own, influx, shim):
        evidence = Evidence(own)
        ledgers: dict[str, Ledger] = {}
        for number, fault in enumerate((*ORDERS, KILLED, BAD_POINT)):
            ledger = str(tmp_path / f"ledger-{number}")
            plan = Plan(mqtt=own.mqtt, ledger=ledger, block=block * 8 + number, sensors=SENSORS, rate=RATE, seconds=4)
            ledgers[fault] = hurt(own, influx, shim, plan, fault)
        refused = plan.sensor(0)
        bad = [identity for identity in ledgers[BAD_POINT] if identity[0] == refused]
        for identity in bad:
            del ledgers[BAD_POINT][identity]
        for fault, each in ledgers.items():
            judge.readings(f"InfluxDB: {fault}", evidence, each, rate=RATE)
        keys = [key or b"" for key, _ in asyncio.run(evidence.records(DEAD_LETTERS.name))]
        assert all(key.startswith(refused.encode()) for key in keys)
        assert keys.count(refused.encode()) == len(bad), "each refused reading is one dead letter"
        judge.windows(own)
