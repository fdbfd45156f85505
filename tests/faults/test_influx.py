"""InfluxDB refuses, dawdles, dies: the sinks write all of it once they can; only bad points are left out."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from schemas.topics import DEAD_LETTERS
from tests.faults.check import Verdict
from tests.faults.evidence import Evidence
from tests.faults.ledger import Ledger
from tests.faults.load import Plan, publishing
from tests.faults.pipeline import Pipeline
from tests.faults.shims import Shim
from tests.faults.table import Row
from tests.influxdb import Influx, running

SENSORS = 100
HURT_SECONDS = 5
ORDERS = ("500", "429", "401", "slow")
KILLED, BAD_POINT = "influxd killed", "400 for one point of a batch"


@contextmanager
def standing(pipeline: Pipeline, folder: Path, block: int) -> Iterator[tuple[Pipeline, Influx, Shim, str]]:
    """A pipeline on the same broker whose history is in InfluxDB behind the shim; and the bucket."""
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
        own = Pipeline(folder / "own", pipeline.cluster, f"influx-{block}.", env=env)
        try:
            shim.start()
            own.start_all()
            yield own, influx, shim, bucket
        finally:
            own.stop_all()
            shim.stop()


def hurt(own: Pipeline, influx: Influx, shim: Shim, plan: Plan, fault: str) -> Ledger:
    """Traffic with the fault in its middle; gives what was acknowledged."""
    with publishing(plan) as load:
        own.until(lambda: len(load.ledger()) > plan.rate, 60, "traffic")
        if fault == KILLED:
            influx.kill()
        else:
            shim.order(f"400 {plan.sensor(0)}" if fault == BAD_POINT else fault)
        if fault not in (BAD_POINT, "slow"):
            own.until(lambda: not own.ready("sinks"), 30, "the sinks say that they cannot write")
        mended_at = time.time() + HURT_SECONDS
        own.until(lambda: load.done and time.time() >= mended_at, 120, "the fault had its time")
        if fault == KILLED:
            influx.start()
        elif fault != BAD_POINT:
            shim.order("")
        return load.ledger()


class Witness:
    """Evidence whose store's client lives as long as one look: each look has an event loop of its own."""

    def __init__(self, own: Pipeline, influx: Influx, bucket: str) -> None:
        self._own, self._influx, self._bucket = own, influx, bucket

    async def verdict(self, ledger: Ledger) -> Verdict:
        """Of everything that was acknowledged."""
        history = self._influx.history(self._bucket)
        try:
            return await Evidence(self._own.kafka, self._own.prefix, history).verdict(ledger)
        finally:
            await history.close()

    async def dead_letters(self) -> list[tuple[bytes | None, bytes]]:
        """Key and bytes of each."""
        history = self._influx.history(self._bucket)
        try:
            return await Evidence(self._own.kafka, self._own.prefix, history).records(DEAD_LETTERS.name)
        finally:
            await history.close()

    def settled(self, ledger: Ledger, seconds: float) -> Verdict:
        """The verdict once it is clean, or as it is in the end."""
        deadline = time.monotonic() + seconds
        while not (verdict := asyncio.run(self.verdict(ledger))).clean and time.monotonic() < deadline:
            self._own.tend()
            time.sleep(0.5)
        return verdict


@pytest.mark.timeout(500)
def test_influxdb_in_trouble(pipeline: Pipeline, block: int, tmp_path: Path, rows: list[Row]) -> None:
    with standing(pipeline, tmp_path, block) as (own, influx, shim, bucket):
        witness = Witness(own, influx, bucket)
        ledgers: dict[str, Ledger] = {}
        refused = ""
        for number, fault in enumerate((*ORDERS, KILLED, BAD_POINT)):
            ledger_file = tmp_path / f"ledger-{number}"
            plan = Plan(
                mqtt=own.mqtt, ledger=str(ledger_file), block=block * 8 + number, sensors=SENSORS, rate=1200, seconds=6
            )
            ledgers[fault] = hurt(own, influx, shim, plan, fault)
            if fault == BAD_POINT:
                refused = plan.sensor(0)
        bad = [identity for identity in ledgers[BAD_POINT] if identity[0] == refused]
        for identity in bad:
            del ledgers[BAD_POINT][identity]
        dirty = []
        for fault, ledger in ledgers.items():
            verdict = witness.settled(ledger, 90)
            wrong = verdict.wrong + verdict.wrong_aggregates
            rows.append(Row(f"InfluxDB: {fault}", verdict.events, 1200, verdict.missing, verdict.duplicated, wrong, ()))
            if not verdict.clean:
                dirty.append((fault, verdict))
        assert not dirty
        letters = asyncio.run(witness.dead_letters())
        keys = [key or b"" for key, _ in letters]
        assert all(key.startswith(refused.encode()) for key in keys)
        assert keys.count(refused.encode()) == len(bad), "each refused reading is one dead letter"
