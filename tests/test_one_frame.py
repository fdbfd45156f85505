"""The story: a gateway publishes one frame; a person asks the API; the row is in history; nothing is thrown away."""

import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.publish as mqtt_publish
import pytest

from tests.polling import until
from tests.stack import Stack, running_stack

SENSOR = "7c:c6:b6:bd:4c:b5"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("stack") / "data", SIMULATE="0") as running:
        yield running


def publish(stack: Stack, topic: str, payload: bytes) -> None:
    host, port = stack.mqtt.split(":")
    mqtt_publish.single(topic, payload, qos=1, hostname=host, port=int(port), client_id="")


def frame_of_now(data: Path, name: str) -> tuple[str, bytes]:
    """A frame as a real gateway sent it, its times moved to now."""
    (frame,) = [each for each in json.loads((data / "shelly-frames.json").read_text()) if each["name"] == name]
    now = round(time.time(), 2)
    frame["payload"]["params"]["ts"] = now
    for event in frame["payload"]["params"]["events"]:
        event["ts"] = now
    return frame["topic"], json.dumps(frame["payload"]).encode()


def answer(stack: Stack, path: str) -> Any:
    response = stack.get(path)
    return response.json() if response is not None and response.status_code == 200 else None


def test_one_frame_from_the_gateway_to_the_answer_and_the_row(stack: Stack, data: Path) -> None:
    topic, payload = frame_of_now(data, "shelly_blu_decoded")
    before = time.time()

    publish(stack, topic, payload)

    until(lambda: answer(stack, f"/api/v1/sensors/{SENSOR}"), 15, "the sensor on the API")
    sensor = answer(stack, f"/api/v1/sensors/{SENSOR}")
    assert {name: value["value"] for name, value in sensor["values"].items()} == {
        "battery": 100,
        "humidity": 63,
        "temperature": 22.3,
    }
    assert (sensor["gateway"], sensor["rssi"], sensor["packet_id"]) == ("shellypro2-a8032abe54dc", -66, 78)
    assert sensor["age_seconds"] < time.time() - before + 1

    until(lambda: answer(stack, f"/api/v1/data/{SENSOR}")["data"], 15, "the row in history")
    (row,) = answer(stack, f"/api/v1/data/{SENSOR}")["data"]
    assert row["measured_at"] == sensor["measured_at"]
    assert row["values"] == {"battery": 100, "humidity": 63, "temperature": 22.3}

    metrics = stack.get("/metrics")
    assert metrics is not None
    assert f'shelly_temperature_celsius{{sensor_id="{SENSOR}"}} 22.3' in metrics.text


def test_the_same_packet_by_another_gateway_in_another_shape_is_no_second_reading(stack: Stack, data: Path) -> None:
    topic, payload = frame_of_now(data, "ble_scan_result_v2_ht")
    publish(stack, topic.replace("54dc", "54dd"), payload.replace(b"54dc", b"54dd"))
    until(
        lambda: worker_metric(stack, "bluflow_streams_copies_total") >= 1,
        15,
        "the copy counted by the worker",
    )
    assert len(answer(stack, f"/api/v1/data/{SENSOR}")["data"]) == 1


def test_what_cannot_be_decoded_is_kept_and_the_stream_goes_on(stack: Stack, data: Path) -> None:
    publish(stack, "shellypro2-a8032abe54dc/events/rpc", b'{"src": cut off')
    until(lambda: worker_metric(stack, "bluflow_streams_dead_letters_total") == 1, 15, "the dead letter")
    topic, payload = frame_of_now(data, "shelly_blu_float_noise")
    publish(stack, topic, payload)
    until(lambda: len(answer(stack, f"/api/v1/data/{SENSOR}")["data"]) == 2, 15, "the next reading")
    # the history's sink and the live table read on their own: on a busy machine either may come first
    live = partial(answer, stack, f"/api/v1/sensors/{SENSOR}")
    until(lambda: live()["values"]["temperature"]["value"] == 22.4, 15, "the reading in the live table")


def worker_metric(stack: Stack, name: str) -> float:
    """A counter of the streams worker, summed over its labels."""
    page = httpx.get(f"http://127.0.0.1:{stack.ports['STREAMS_PORT']}/metrics").text
    return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.startswith(name))
