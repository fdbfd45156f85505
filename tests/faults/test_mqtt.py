"""The way from the gateways to the bridge: queues of the MQTT broker and of the gateways, and what comes again."""

import time
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from bridge.settings import SHELLY_SUBSCRIPTIONS
from runtime.paho_thread import wait_for_end
from tests.faults.evidence import Evidence
from tests.faults.judge import Judge
from tests.faults.load import Plan, publishing
from tests.faults.pipeline import Pipeline
from tests.faults.trial import Trial
from tests.polling import until

Begin = Callable[..., Trial]
HOURS = 3 * 3600  # seconds


@pytest.mark.timeout(600)
def test_what_the_mqtt_broker_delivers_again(pipeline: Pipeline, trial: Begin) -> None:
    under = trial(pipeline, "messages sent twice, bridge killed", seconds=10, again=5)
    hurt_at = time.time()
    pipeline.kill("bridge")
    pipeline.start("bridge")
    under.recovered(hurt_at)
    under.conclude()


@pytest.mark.timeout(600)
def test_the_five_messages_that_a_gateway_keeps(pipeline: Pipeline, trial: Begin) -> None:
    under = trial(pipeline, "MQTT broker away, gateways keep five", seconds=14, lossless=False)
    hurt_at = time.time()
    pipeline.term("mosquitto")
    gone_until = time.time() + 5
    until(lambda: time.time() >= gone_until, 10, "an outage in which gateways lose")
    pipeline.start("mosquitto")
    under.recovered(hurt_at)
    assert under.conclude().events < under.plan.packets, "no gateway lost any: the fault was none"


def make_session(pipeline: Pipeline) -> None:
    """What the MQTT broker holds for a bridge that was there once and is away."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bluflow-bridge", clean_session=False)
    granted: list[object] = []
    client.on_subscribe = lambda *answer: granted.append(answer)
    client.connect("127.0.0.1", pipeline.mqtt_port)
    client.loop_start()
    client.subscribe([(text, 1) for text in SHELLY_SUBSCRIPTIONS])
    until(lambda: granted, 10, "SUBACK")
    client.disconnect()
    wait_for_end(client)


@pytest.mark.timeout(600)
def test_three_hours_in_the_queue_of_the_mqtt_broker(
    pipeline: Pipeline, block: int, tmp_path: Path, judge: Judge
) -> None:
    away = Pipeline(tmp_path / "away", pipeline.cluster, f"away-{block}.")
    try:
        away.cluster.make_topics(away.prefix)
        away.start("mosquitto")
        make_session(away)
        plan = Plan(mqtt=away.mqtt, ledger=str(tmp_path / "ledger"), block=block, span=HOURS, sensors=200, seconds=8)
        with publishing(plan) as load:
            away.until(lambda: load.done, 120, "the MQTT broker took all of it")
            ledger = load.ledger.packets()
        assert len(ledger) == plan.packets
        for name in away.names:
            if name != "mosquitto":
                away.start(name)
        judge.readings("three hours queued while the bridge was away", Evidence(away), ledger, rate=plan.rate)
        judge.windows(away)
    finally:
        away.stop_all()
