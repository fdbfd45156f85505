"""The worker reads every shape as it was meant."""

import pytest

from cli.truth_compared import compare
from schemas.frame import Frame
from shelly.world.gateway import SHAPES
from shelly.world.models import MODELS
from shelly.world.scenario import Event, GatewayPlan, Scenario, SensorPlan
from shelly.world.shapes import SCRIPTS
from shelly.world.world import World
from streams.formats import decode_frame
from tests.shelly.world.pipeline import START, decoded, keys_of

HOUR = 3600
RAW = ("bluflow", "scan-result", "scan-result-1", "iobroker", "m-schaeffler")
SENSORS = (*(SensorPlan(model) for model in MODELS), SensorPlan(encrypted=True))
PRESSED = Event("button", 100_000, 0)


def scenario(shape: str) -> Scenario:
    return Scenario((GatewayPlan(shape),), SENSORS, (PRESSED,), duration=300)


@pytest.mark.parametrize("shape", list(SCRIPTS))
def test_a_message_holds_what_its_gateway_heard(shape: str) -> None:
    keys, found = keys_of(scenario(shape)), 0
    for message in World(scenario(shape), START).messages():
        frame = decode_frame(Frame(message.topic, message.payload, message.at), keys)
        assert not frame.rejected
        got = [(each.sensor, each.values["packet_id"], each.rssi) for each in frame.advertisements]
        assert got == [(one.beacon.sensor, one.beacon.packet_id, one.rssi) for one in message.heard]
        for each, one in zip(frame.advertisements, message.heard, strict=True):
            assert abs(each.measured_at - one.at) <= 1000
        found += len(got)
    assert found >= 15


@pytest.mark.parametrize("shape", SHAPES)
def test_the_packet_in_which_a_zb_model_says_what_it_is_is_read_as_far_as_the_gateway_tells(shape: str) -> None:
    truth, pipeline = decoded(Scenario((GatewayPlan(shape),), (SensorPlan("SBHT-203C"),), duration=2 * HOUR))
    asked = {each.packet: each for each in truth.sent.values() if "device_type_id" in each.values}
    assert len(asked) == 2
    published = [asked[packet] for packet in truth.published.keys() & asked.keys()]
    told = [reading for reading in pipeline.readings if "device_type_id" in reading.values]
    assert (not published) == shape.startswith("native")
    if shape in (*RAW, "oh-blu"):
        assert {each.packet_id for each in told} == {each.packet_id for each in published}
    else:
        assert told == []
    [verdict] = compare(truth, pipeline.held)
    assert verdict.is_right


@pytest.mark.parametrize("shape", SHAPES)
def test_every_reading_says_what_the_sensor_sent(shape: str) -> None:
    truth, pipeline = decoded(scenario(shape))
    sent = {(each.sensor, each.packet_id): each for each in truth.sent.values()}
    display, pressed = truth.head.sensors, False
    for reading in pipeline.readings:
        values = {name: v["raw"] if isinstance(v, dict) else v for name, v in reading.values.items()}
        pressed |= "button" in values
        if reading.packet_id is None:
            assert values == {"button": 1}
            continue
        meant = dict(sent[reading.sensor, reading.packet_id].values)
        if shape.startswith("native"):
            meant.pop("button", None)
        elif shape not in (*RAW, "oh-blu") and display[reading.sensor] == "SBHT-103C":
            meant = {"battery": meant["battery"]}  # those scripts stop at what they do not know
        assert values == meant
    assert pressed
    heard = {reading.sensor for reading in pipeline.readings}
    encrypted = {each.sensor for each in truth.sent.values() if each.encrypted}
    assert (encrypted <= heard) == (shape in RAW or shape.startswith("native"))
    assert len(heard | encrypted) == len(SENSORS)
