"""Brokers cut off, slow, refusing, killed; and the MQTT broker gone together with the bridge."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.topics import RAW_FRAMES, READINGS
from tests.faults.judge import Judge
from tests.faults.pipeline import Pipeline
from tests.faults.trial import Trial

Begin = Callable[..., Trial]
CUT_SECONDS = 60
SLOW_SECONDS = 15
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
def test_one_broker_of_three_killed_then_stopped(trio: Pipeline, trial: Begin) -> None:
    under = trial(trio, "one Kafka broker of three: SIGKILL, then SIGTERM")
    for number, end in ((3, trio.cluster.kill), (2, trio.cluster.term)):
        hurt_at = time.time()
        end(number)
        under.recovered(hurt_at)
        trio.cluster.revive(number)
        trio.until(lambda: trio.cluster.in_sync(RAW_FRAMES.full_name(trio.prefix)), 60, "three copies again")
    under.conclude()


@pytest.mark.timeout(600)
def test_an_unclean_leader_election(trio: Pipeline, trial: Begin, judge: Judge, tmp_path: Path, block: int) -> None:
    """The log of record loses its tail: the only replica in sync dies, one that lacks the end leads."""
    cluster = trio.cluster
    own = Pipeline(tmp_path / "own", cluster, f"unclean-{block}.")
    frames = RAW_FRAMES.full_name(own.prefix)
    cluster.make_unclean_topic(frames, (1, 2))
    try:
        own.start_all()
        under = trial(own, "unclean leader election of raw-frames")
        cluster.kill(2)
        own.until(lambda: cluster.everywhere(frames, lambda _, in_sync: in_sync == {1}), 30, "node 1 is alone")
        alone_at = time.time()
        under.recovered(alone_at)
        cluster.kill(1)
        hurt_at = time.time()
        cluster.revive(2)
        own.until(lambda: cluster.everywhere(frames, lambda leader, _: leader == 2), 60, "node 2 leads")
        cluster.revive(1)
        under.recovered(hurt_at)
        assert own.metric("worker-0", "bluflow_streams_lost_tails_total") > 0, "the worker has noticed"
        # what node 1 alone had taken, and nobody had read yet
        verdict = under.conclude(seconds=20, excused=round(2 * under.plan.rate))
        assert not verdict.duplicated, verdict
        judge.windows(own)
    finally:
        own.stop_all()
        trio.make_whole()


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
    verdict = under.conclude(excused=round(2 * under.plan.rate))
    assert not verdict.duplicated, verdict
