"""Kafka cut off, slow, refusing, full; and the MQTT broker gone together with the bridge."""

import time
from collections.abc import Callable

import pytest

from schemas.topics import READINGS
from tests.faults.pipeline import Pipeline
from tests.faults.trial import Trial

Begin = Callable[..., Trial]
CUT_SECONDS = 60
SLOW_SECONDS = 8
FULL_SECONDS = 5


def last(pipeline: Pipeline, seconds: float) -> None:
    """The fault lasts so long; the processes are tended."""
    end = time.monotonic() + seconds
    pipeline.until(lambda: time.monotonic() > end, seconds + 30, "the fault's end")


@pytest.mark.timeout(600)
def test_kafka_unreachable_for_a_minute(pipeline: Pipeline, trial: Begin) -> None:
    under = trial(pipeline, "Kafka unreachable 60 s")
    pipeline.cluster.proxy.cut()
    last(pipeline, CUT_SECONDS)
    hurt_at = time.time()
    pipeline.cluster.proxy.through()
    under.recovered(hurt_at)
    under.conclude()


@pytest.mark.timeout(600)
def test_kafka_slow(pipeline: Pipeline, trial: Begin) -> None:
    under = trial(pipeline, "Kafka slow: 400 ms a round trip")
    pipeline.cluster.proxy.latency(0.2)
    last(pipeline, SLOW_SECONDS)
    hurt_at = time.time()
    pipeline.cluster.proxy.through()
    under.recovered(hurt_at)
    under.conclude()


@pytest.mark.timeout(600)
def test_kafka_refuses_what_is_produced(pipeline: Pipeline, trial: Begin) -> None:
    under = trial(pipeline, "Kafka refuses readings")
    readings = READINGS.full_name(pipeline.prefix)
    kept = READINGS.config(embedded=False)["retention.ms"]
    ended = pipeline.restarts.get("worker-0", 0)
    pipeline.cluster.configure(readings, max_message_bytes="1", retention_ms=kept)
    try:
        pipeline.until(lambda: pipeline.restarts.get("worker-0", 0) > ended, 60, "the worker ends at a refusal")
    finally:
        hurt_at = time.time()
        pipeline.cluster.configure(readings, retention_ms=kept)
    under.recovered(hurt_at)
    under.conclude()


@pytest.mark.timeout(600)
def test_the_disk_of_kafka_full(pipeline: Pipeline, trial: Begin) -> None:
    under = trial(pipeline, "disk full under Kafka")
    node = pipeline.cluster.nodes[1]
    node.fill_disk()
    pipeline.until(lambda: node.ended, 60, "Kafka ends, as it does when its disk is full")
    last(pipeline, FULL_SECONDS)
    hurt_at = time.time()
    pipeline.cluster.revive(1)
    under.recovered(hurt_at)
    under.conclude()


@pytest.mark.timeout(600)
def test_mqtt_broker_and_bridge_stopped_together(pipeline: Pipeline, trial: Begin) -> None:
    under = trial(pipeline, "MQTT broker and bridge: SIGTERM")
    hurt_at = time.time()
    pipeline.term("mosquitto", "bridge")
    pipeline.start("mosquitto")
    pipeline.start("bridge")
    under.recovered(hurt_at)
    under.conclude()


@pytest.mark.timeout(600)
def test_mqtt_broker_and_bridge_killed_together(pipeline: Pipeline, trial: Begin) -> None:
    under = trial(pipeline, "MQTT broker and bridge: SIGKILL")
    hurt_at = time.time()
    pipeline.kill("mosquitto", "bridge")
    pipeline.start("mosquitto")
    pipeline.start("bridge")
    under.recovered(hurt_at)
    # what mosquitto alone held had been acknowledged and not yet written: it writes its sessions once a second
    verdict = under.conclude(seconds=6, excused=round(2 * under.plan.rate))
    assert not verdict.duplicated, verdict
