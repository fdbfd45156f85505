"""Frames as gateways and scripts in use publish them, and what becomes of each."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.frame import Frame
from streams.formats import REASONS, DecodedFrame, decode_frame

RECEIVED_AT = 1759654322000
FRAMES = {
    frame["name"]: frame for frame in json.loads((Path(__file__).parents[2] / "data/shelly-frames.json").read_text())
}

# What a gateway tells of itself: for the gateway's state, no reading.
ABOUT_THE_GATEWAY = {"online_true", "online_false_lwt", "script_error_status", "native_status_device_key_bad"}
# Formats whose adapters are a later step.
NEXT_STEP = {
    "universal_blu_to_mqtt",
    "blegateway_sensor",
    "shelly_blu_events_topic",
    "mschaeffler_byte_array",
    "openmqttgateway",
    "native_notify_status_sensor",
    "native_notify_status_device",
    "native_notify_status_delta_only_ts",
    "native_event_sensors_null_slots",
    "native_get_components_response",
    "cloudrelay_listinfos_response",
}
OTHERS = set(FRAMES) - NEXT_STEP - ABOUT_THE_GATEWAY
WITH_READINGS = sorted(name for name in OTHERS if isinstance(FRAMES[name]["expect"], list) and FRAMES[name]["expect"])
WITHOUT_READING = sorted({name for name in OTHERS if FRAMES[name]["expect"] == []} | ABOUT_THE_GATEWAY)
DEAD = sorted(name for name in OTHERS if FRAMES[name]["expect"] == "reject")


def decoded(name: str, *, received_at: int = RECEIVED_AT, **given: Any) -> DecodedFrame:
    frame = FRAMES[name]
    payload = frame["payload"]
    if isinstance(payload, str):
        raw = payload.encode("latin-1" if name.endswith("_latin1") else "utf-8")
    else:
        raw = json.dumps(payload).encode()
    return decode_frame(Frame(frame["topic"], raw, received_at, **given), {})


@pytest.mark.parametrize("name", WITH_READINGS)
def test_frame_gives_its_advertisements(name: str) -> None:
    found = decoded(name)
    assert found.rejected == []
    assert len(found.advertisements) == len(FRAMES[name]["expect"])
    for place, (advertisement, expect) in enumerate(zip(found.advertisements, FRAMES[name]["expect"], strict=True)):
        assert advertisement.sensor == expect["mac"]
        assert advertisement.gateway == FRAMES[name]["payload"]["src"]
        assert advertisement.at.index == place
        for field in ("values", "rssi", "service_data_hex", "local_name", "model_id"):
            if field in expect:
                assert getattr(advertisement, field) == expect[field]
        if "time" in expect:
            assert (advertisement.measured_at, advertisement.time_source) == (RECEIVED_AT, "arrival")
        assert msgspec.json.decode(msgspec.json.encode(advertisement), type=type(advertisement)) == advertisement


@pytest.mark.parametrize("name", WITHOUT_READING)
def test_frame_is_valid_and_holds_no_reading(name: str) -> None:
    assert decoded(name) == DecodedFrame([], [])


@pytest.mark.parametrize("name", DEAD)
def test_frame_is_a_dead_letter(name: str) -> None:
    found = decoded(name)
    assert found.advertisements == []
    assert found.dead_letter is not None
    assert found.dead_letter.reason in REASONS


@pytest.mark.parametrize("name", sorted(NEXT_STEP))
def test_frame_of_a_later_step_raises_nothing(name: str) -> None:
    assert all(rejected.reason in REASONS for rejected in decoded(name).rejected)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("not_json", "not_json"),
        ("json_nan", "not_json"),
        ("not_utf8_latin1", "not_utf8"),
        ("params_missing", "bad_envelope"),
        ("events_is_object", "bad_envelope"),
        ("iobroker_uuid_prefixed_hex", "unsupported_version"),
    ],
)
def test_dead_letter_says_why(name: str, reason: str) -> None:
    assert [rejected.reason for rejected in decoded(name).rejected] == [reason]


def test_time_of_the_event_is_kept_to_the_millisecond() -> None:
    (advertisement,) = decoded("shelly_blu_decoded").advertisements
    assert (advertisement.measured_at, advertisement.time_source) == (1759654321460, "gateway")
    assert advertisement.flags == ()


@pytest.mark.parametrize(
    ("name", "flags"),
    [("ts_null", ()), ("ts_uptime_based", ("time_untrusted",)), ("ts_far_future", ("time_untrusted",))],
)
def test_a_time_that_cannot_be_gives_way_to_arrival(name: str, flags: tuple[str, ...]) -> None:
    (advertisement,) = decoded(name).advertisements
    assert (advertisement.measured_at, advertisement.time_source, advertisement.flags) == (
        RECEIVED_AT,
        "arrival",
        flags,
    )


def test_a_frame_that_waited_without_a_time_is_kept_and_flagged() -> None:
    (advertisement,) = decoded("iobroker_events_ble", queued=True).advertisements
    assert (advertisement.measured_at, advertisement.time_source) == (RECEIVED_AT, "unknown")
    assert advertisement.flags == ("time_unknown",)


def test_a_frame_that_waited_keeps_its_own_time() -> None:
    late = RECEIVED_AT + 20 * 3600 * 1000
    (advertisement,) = decoded("shelly_blu_decoded", received_at=late, queued=True).advertisements
    assert (advertisement.measured_at, advertisement.time_source) == (1759654321460, "gateway")


def test_a_retained_frame_is_no_news_unless_it_has_its_own_time() -> None:
    assert decoded("iobroker_events_ble", retain=True) == DecodedFrame([], [])
    assert decoded("ts_null", retain=True) == DecodedFrame([], [])
    assert len(decoded("shelly_blu_decoded", retain=True).advertisements) == 1


def test_every_frame_is_sorted_somewhere() -> None:
    assert len(WITH_READINGS) + len(WITHOUT_READING) + len(DEAD) + len(NEXT_STEP) == len(FRAMES) == 41
