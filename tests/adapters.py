"""All gateways in one: they publish every recorded frame and our script's, and know what is to be read in each."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from runtime.paho_thread import wait_for_end
from tests.moved import FRAMES, gateway_of, move, newest, place_of, sensor_of, untouched
from tests.polling import until

# What raw service data means, read by hand.
_MEANS = {
    "44004e01642e3f45df00": {"packet_id": 78, "battery": 100, "humidity": 63, "temperature": 22.3},
    "4400a401642e38452bff": {"packet_id": 164, "battery": 100, "humidity": 56, "temperature": -21.3},
}
# What the recording does not spell out of its own frames: rssi, and values of all that are about something else.
_QUIET = {"packet_id": 1, "battery": 100, "humidity": 40, "temperature": 20}
_NOT_SPELT: dict[tuple[str, int], dict[str, Any]] = {
    ("shelly_blu_array_value", 0): {"rssi": -52},
    ("shelly_blu_unknown_id_dropped_rest", 0): {"rssi": -70},
    ("oh_blu_data_decoded", 0): {"rssi": -67},
    ("oh_blu_data_raw_v2", 0): {"rssi": -66},
    ("blegateway_sensor", 0): {"rssi": -66},
    ("shelly_blu_events_topic", 0): {"rssi": -92},
    ("ts_null", 0): {"rssi": -60, "values": _QUIET},
    ("ts_uptime_based", 0): {"rssi": -60, "values": _QUIET, "flags": ["time_untrusted"]},
    ("ts_far_future", 0): {"rssi": -60, "values": _QUIET, "flags": ["time_untrusted"]},
    ("two_events_one_frame", 0): {"rssi": -60, "values": _QUIET},
    ("two_events_one_frame", 1): {
        "rssi": -80,
        "values": {"packet_id": 9, "battery": 88, "humidity": 51, "temperature": -3.5},
    },
    ("mac_upper_case", 0): {"rssi": -66},
}
_GATEWAYS = {"shelly_blu_events_topic": "shelly-blu"}  # who sent what does not say it
DEAD = {
    "not_json": "not_json",
    "json_nan": "not_json",
    "not_utf8_latin1": "not_utf8",
    "params_missing": "bad_envelope",
    "events_is_object": "bad_envelope",
    "iobroker_uuid_prefixed_hex": "unsupported_version",
    "openmqttgateway": "unknown_topic",  # nobody's that we read
}
# Frames of the gateways' own firmware, which mean something with its list of components only.
_COMPONENTS, _PAIRED = "native_get_components_response", "native_device_discovered"
_ONE_PACKET = ("native_notify_status_sensor", "native_notify_status_device", "native_notify_status_delta_only_ts")
_EVENT = "native_event_sensors_null_slots"
_NATIVE = (*_ONE_PACKET, _EVENT, _COMPONENTS, _PAIRED)
_NATIVES = (place_of(_ONE_PACKET[0]), place_of(_EVENT))
_NATIVE_SENSOR = "fc:4d:6a:38:e2:f2"
NEWS = ("native_status_device_key_bad", "script_error_status", "online_true", "online_false_lwt")
# Our own script's event is nobody's recording: a plain packet, heard 2 s before, and an encrypted one.
OURS, ENCRYPTED = place_of("shelly_blu_decoded") + 0x80, "7c:c6:b6:01:02:03"
KEY = "0123456789abcdef0123456789abcdef"


class Row(NamedTuple):
    """A reading as the frame has it. `measured_at` in unix milliseconds, None if only its arrival is known."""

    sensor: str
    gateway: str
    values: dict[str, Any]
    packet_id: int | None
    rssi: int | None
    measured_at: int | None
    flags: list[str]


class Gateways:
    """All gateways in one MQTT client. Whoever of them is asked for its components answers."""

    def __init__(self, address: str) -> None:
        self.answered: set[str] = set()
        self._listens = False
        self._answers = {
            gateway_of(place): move(_COMPONENTS, 0, place, [_NATIVE_SENSOR]).document["result"] for place in _NATIVES
        }
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="gateways")
        self._client.on_message = self._asked
        self._client.on_subscribe = self._subscribed
        host, port = address.split(":")
        self._client.connect(host, int(port))
        self._client.loop_start()
        self._client.subscribe("+/rpc", 1)
        until(lambda: self._listens, 10, "the subscription")

    def publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1).wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        wait_for_end(self._client)

    def _subscribed(self, *_: Any) -> None:
        self._listens = True

    def _asked(self, client: Client, data: Any, message: MQTTMessage) -> None:
        prefix = message.topic.removesuffix("/rpc")
        question = json.loads(message.payload)
        if question.get("method") != "Shelly.GetComponents":
            return  # an answer to somebody else, which the recording holds too
        answer = {"id": question["id"], "src": prefix, "dst": question["src"]}
        if prefix in self._answers:
            answer["result"] = self._answers[prefix]
        else:
            answer["error"] = {"code": 404, "message": "No handler for Shelly.GetComponents"}
        client.publish(f"{question['src']}/rpc", json.dumps(answer), qos=1)
        self.answered.add(prefix)


def rows_of(name: str, topic: str, document: Any) -> list[Row]:
    """The readings in a frame by its `expect`, as it was sent."""
    place, found = place_of(name), []
    for number, expect in enumerate(FRAMES[name]["expect"]):
        said = expect | _NOT_SPELT.get((name, number), {})
        values = dict(said["values"] if "values" in said else _MEANS[said["service_data_hex"]])
        events = document.get("params", {}).get("events")
        ts = events[number]["ts"] * 1000 if events and "time" not in said else document.get("time")
        found.append(
            Row(
                sensor_of(place, number),
                document.get("src") or _GATEWAYS.get(name) or topic.partition("/")[0],
                values,
                values.pop("packet_id"),
                said["rssi"],
                None if ts is None else round(ts),
                said.get("flags", []),
            )
        )
    return found


def publish_all(gateways: Gateways, now: int) -> Iterator[Row]:
    """Send every frame of the recording and our script's; gives what is to be read. `now` in unix seconds."""
    for place in _NATIVES:  # a sensor is paired, its gateway asked what it calls its components
        paired = move(_PAIRED, now - int(newest(FRAMES[_PAIRED]["payload"])), place, [])
        gateways.publish(paired.topic, paired.payload)
    until(lambda: {gateway_of(place) for place in _NATIVES} <= gateways.answered, 20, "the inventory's questions")
    yield from publish_native(gateways, now)
    yield from publish_ours(gateways, now)
    for name, frame in FRAMES.items():
        if name in DEAD:
            gateways.publish(frame["topic"], untouched(name))
        elif name not in _NATIVE:
            sensors = [expect["mac"] for expect in frame["expect"] if "mac" in expect]
            moved = move(name, now - int(newest(frame["payload"])), place_of(name), sensors)
            gateways.publish(moved.topic, moved.payload)
            if sensors and name != "cloudrelay_listinfos_response":  # a cache, not a packet
                yield from rows_of(name, moved.topic, moved.document)


def publish_native(gateways: Gateways, now: int) -> Iterator[Row]:
    """One packet in three parts, and a minute later that one of them is unchanged; and a packet as an event."""
    last = int(newest(FRAMES[_ONE_PACKET[2]]["payload"]["params"]["bthomesensor:202"]))
    place, gateway = place_of(_ONE_PACKET[0]), gateway_of(place_of(_ONE_PACKET[0]))
    status = {"id": 202, "value": 79, "last_updated_ts": now - 60}  # what the list of components held
    gateways.publish(f"{gateway}/status/bthomesensor:202", json.dumps(status).encode())
    for name in _ONE_PACKET:
        moved = move(name, now - last, place, [])
        gateways.publish(moved.topic, moved.payload)
    sensor, first = sensor_of(place), {"battery": 100, "humidity": 79, "temperature": 22.3}
    yield Row(sensor, gateway, first, 78, -66, (now - 60) * 1000, [])
    yield Row(sensor, gateway, {"humidity": 79}, None, None, now * 1000, [])

    place = place_of(_EVENT)
    moved = move(_EVENT, now - int(newest(FRAMES[_EVENT]["payload"])), place, [])
    gateways.publish(moved.topic, moved.payload)
    yield Row(sensor_of(place), gateway_of(place), {"temperature": 22.3}, None, None, now * 1000, [])


def publish_ours(gateways: Gateways, now: int) -> Iterator[Row]:
    sensor, gateway = sensor_of(OURS), gateway_of(OURS)
    entries = [
        [sensor, -66, 2000, "44004e01642e3f45df00"],
        [ENCRYPTED, -71, 0, "45a76fff38ba4fe95e7c87fbd36609407874"],
    ]
    event = {"component": "script:1", "id": 1, "event": "bluflow", "data": {"v": 1, "seq": 1, "d": entries}, "ts": now}
    frame = {"src": gateway, "dst": f"{gateway}/events", "method": "NotifyEvent"}
    document = frame | {"params": {"ts": now, "events": [event]}}
    gateways.publish(f"{gateway}/events/rpc", json.dumps(document).encode())
    plain = {"battery": 100, "humidity": 63, "temperature": 22.3}
    yield Row(sensor, gateway, plain, 78, -66, now * 1000 - 2000, [])
    secret = {"battery": 100, "humidity": 80, "temperature": -21.3}
    yield Row(ENCRYPTED, gateway, secret, 255, -71, now * 1000, [])
