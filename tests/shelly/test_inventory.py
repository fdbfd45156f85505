"""Whom the inventory asks, and when; then the process itself against a real MQTT broker."""

import json
import queue
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from cli.child import spawn
from runtime.paho_thread import wait_for_end
from runtime.settings import host_port
from shelly.inventory.agenda import FIRST_DELAY, OPEN_AT_ONCE, SETTLE, TRIES, UNSUPPORTED, Agenda, Request
from tests.cli.processes import environment
from tests.polling import until

GATEWAY = "home/first/shellypro2-a"
TOPIC = f"{GATEWAY}/events/rpc"
FRAME = b'{"src":"shellypro2-a","method":"NotifyStatus","params":{"ts":1}}'


def change(event: str = "component_added", target: str = "bthomedevice:200", component: str = "bthome") -> bytes:
    events = [{"component": component, "event": event, "target": target, "ts": 1}]
    return json.dumps({"src": "shellypro2-a", "method": "NotifyEvent", "params": {"events": events}}).encode()


def answer(agenda: Agenda, request: Request, now: float, **said: Any) -> str | None:
    question = json.loads(request.payload)
    payload = json.dumps({"id": question["id"], "src": "shellypro2-a", "dst": question["src"], **said}).encode()
    return agenda.heard(question["src"] + "/rpc", payload, now)


def page(offset: int, count: int, total: int) -> dict[str, Any]:
    return {"result": {"components": [{}] * count, "offset": offset, "total": total}}


def offset(request: Request) -> int:
    found: int = json.loads(request.payload)["params"]["offset"]
    return found


def test_a_gateway_is_asked_page_by_page_when_it_is_first_heard() -> None:
    agenda = Agenda()
    agenda.heard(TOPIC, FRAME, 0)
    (first,) = agenda.requests(0)
    question = json.loads(first.payload)
    assert first.topic == f"{GATEWAY}/rpc"
    assert (question["src"], question["method"]) == (f"bluflow/{GATEWAY}", "Shelly.GetComponents")
    assert question["params"] == {"offset": 0, "include": ["config"], "dynamic_only": True}
    assert len(first.payload) < 2048
    agenda.heard(TOPIC, FRAME, 1)
    assert agenda.requests(1) == [], "one question at a time"
    assert answer(agenda, first, 1, **page(0, 5, 7)) == "page"
    (second,) = agenda.requests(1)
    assert offset(second) == 5
    assert answer(agenda, second, 2, **page(5, 2, 7)) == "complete"
    assert agenda.requests(3) == []
    assert [offset(each) for each in agenda.requests(2 + 6 * 3600)] == [0]


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("zigbee/events/rpc", b'{"src":"other","method":"NotifyStatus"}'),
        ("x/events/rpc", b"[1]"),
        ("x/events/rpc", b"\xff"),
        ("x/online", b"true"),
        ("bluflow/x/rpc", b'{"id":1,"result":{"components":[]}}'),
        ("bluflow/bridge/me/state", b"online"),
    ],
)
def test_what_is_no_shelly_is_never_asked(topic: str, payload: bytes) -> None:
    agenda = Agenda()
    assert agenda.heard(topic, payload, 0) is None
    assert (agenda.requests(9), agenda.next_at()) == ([], None)


def known() -> Agenda:
    """A gateway that answered at 0."""
    agenda = Agenda()
    agenda.heard(TOPIC, FRAME, 0)
    assert answer(agenda, agenda.requests(0)[0], 0, **page(0, 0, 0)) == "complete"
    return agenda


@pytest.mark.parametrize(
    ("topic", "payload", "asked"),
    [
        (TOPIC, change(), True),
        (TOPIC, change("component_removed"), True),
        (TOPIC, change("config_changed", "bthomesensor:201"), True),
        (TOPIC, change("config_changed", "mqtt", "mqtt"), False),
        (TOPIC, change("sensor_update"), False),
        (f"{GATEWAY}/online", b"true", True),
        (f"{GATEWAY}/online", b"false", False),
    ],
)
def test_it_is_asked_again_when_its_components_may_have_changed(topic: str, payload: bytes, asked: bool) -> None:
    agenda = known()
    for _ in range(5):
        agenda.heard(topic, payload, 100)
    assert agenda.requests(100) == []
    assert len(agenda.requests(100 + SETTLE)) == asked


def test_components_that_change_between_two_pages_are_asked_for_again() -> None:
    agenda = known()
    agenda.heard(TOPIC, change(), 100)
    (first,) = agenda.requests(110)
    assert answer(agenda, first, 110, **page(0, 5, 7)) == "page"
    agenda.heard(TOPIC, change(), 110)
    (second,) = agenda.requests(110)
    assert answer(agenda, second, 111, **page(5, 2, 7)) == "complete"
    assert [offset(each) for each in agenda.requests(111 + SETTLE)] == [0]


def test_one_that_does_not_answer_is_asked_a_few_times_ever_more_slowly() -> None:
    agenda, now, waits = Agenda(patience=10), 0.0, []
    agenda.heard(TOPIC, FRAME, 0)
    for _ in range(TRIES):
        begun = now
        while not agenda.requests(now):
            following = agenda.next_at()
            assert following is not None
            now = following
        waits.append(now - begun)
    assert waits == [0, *(10 + FIRST_DELAY * 2**n for n in range(TRIES - 1))]
    agenda.requests(now + 10)
    assert agenda.next_at() == now + 10 + 6 * 3600


def test_old_firmware_is_left_alone_for_a_day() -> None:
    agenda = Agenda()
    agenda.heard(TOPIC, FRAME, 0)
    (first,) = agenda.requests(0)
    assert answer(agenda, first, 1, error={"code": 404, "message": "No handler"}) == "unsupported"
    agenda.heard(TOPIC, change(), 100)
    assert agenda.next_at() == 1 + UNSUPPORTED


def test_answers_to_other_questions_change_nothing() -> None:
    agenda = Agenda()
    agenda.heard(TOPIC, FRAME, 0)
    agenda.requests(0)
    for payload in (b'{"id":99,"result":{"components":[]}}', b"null", b"{"):
        assert agenda.heard(f"bluflow/{GATEWAY}/rpc", payload, 1) is None


def test_a_fleet_is_asked_a_few_at_a_time() -> None:
    agenda = Agenda()
    for number in range(50):
        agenda.heard(f"gw{number}/events/rpc", FRAME, 0)
    assert len(agenda.requests(0)) == OPEN_AT_ONCE
    assert agenda.requests(1) == []


def test_the_process_asks_over_mqtt_and_ends_in_order(mqtt: str, tmp_path: Path, free_port: Callable[[], int]) -> None:
    port = free_port()
    env = environment(PYTHONPATH=str(Path(__file__).parents[2]), MQTT=mqtt, INVENTORY_PORT=str(port))
    questions: queue.Queue[tuple[str, bytes]] = queue.Queue()
    subscribed: queue.Queue[bool] = queue.Queue()
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _, __, message: questions.put((message.topic, bytes(message.payload)))
    client.on_subscribe = lambda *_: subscribed.put(True)
    client.connect(*host_port(mqtt))
    client.loop_start()
    client.subscribe("shellypro2-inventory/rpc", qos=1)
    subscribed.get(timeout=5)
    with (tmp_path / "log").open("wb") as log:
        child = spawn([sys.executable, "-P", "-m", "shelly.inventory"], env=env, stdout=log, stderr=log)
    try:
        until(lambda: ready(port), 20, "the health page")
        client.publish("shellypro2-inventory/events/rpc", FRAME, qos=1)
        topic, payload = questions.get(timeout=10)
        question = json.loads(payload)
        assert (topic, question["src"]) == ("shellypro2-inventory/rpc", "bluflow/shellypro2-inventory")
        reply = {"id": question["id"], "result": {"components": [], "offset": 0, "total": 0}}
        client.publish("bluflow/shellypro2-inventory/rpc", json.dumps(reply).encode(), qos=1)
        page = f"http://127.0.0.1:{port}/metrics"
        until(lambda: 'answers_total{outcome="complete"} 1.0' in httpx.get(page).text, 10, "the answer")
        child.send_signal(15)
        assert child.wait(10) == 0
    finally:
        child.kill()
        child.wait()
        client.disconnect()
        wait_for_end(client)


def ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200
    except httpx.TransportError:
        return False
