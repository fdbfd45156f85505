"""Frames as gateways and scripts in use publish them, and what becomes of each."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.decode_shown import show_news
from schemas.frame import Frame
from streams.formats import REASONS, DecodedFrame, decode_frame

RECEIVED_AT = 1759654322000
FRAMES = {
    frame["name"]: frame for frame in json.loads((Path(__file__).parents[2] / "data/shelly-frames.json").read_text())
}

# Not read (yet): the topic of the one is nobody's that we know, the answer of the other is a cache, not a packet.
NOT_READ = {"openmqttgateway", "cloudrelay_listinfos_response"}
OTHERS = set(FRAMES) - NOT_READ
# An expectation with a MAC is an advertisement, another is news.
WITH_READINGS, WITH_NEWS = (
    sorted(
        name
        for name in OTHERS
        if isinstance(FRAMES[name]["expect"], list)
        and FRAMES[name]["expect"]
        and all(("mac" in expect) == readings for expect in FRAMES[name]["expect"])
    )
    for readings in (True, False)
)
WITHOUT_ANY = sorted(name for name in OTHERS if FRAMES[name]["expect"] == [])
DEAD = sorted(name for name in OTHERS if FRAMES[name]["expect"] == "reject")
# Who sent a frame that does not say so in `src`.
GATEWAYS = {
    "universal_blu_to_mqtt": "7c:c6:b6:bd:4c:b5",
    "shelly_blu_events_topic": "shelly-blu",
    "mschaeffler_byte_array": "shellypro2-a8032abe54dc",
}


def decoded(name: str, *, received_at: int = RECEIVED_AT, **given: Any) -> DecodedFrame:
    frame = FRAMES[name]
    payload = frame["payload"]
    if isinstance(payload, str):
        raw = payload.encode("latin-1" if name.endswith("_latin1") else "utf-8")
    else:
        raw = json.dumps(payload).encode()
    return decode_frame(Frame(frame["topic"], raw, received_at, **given), {})


def says_nothing(found: DecodedFrame) -> bool:
    return not (found.advertisements or found.rejected or found.news or found.resets)


@pytest.mark.parametrize("name", WITH_READINGS)
def test_frame_gives_its_advertisements(name: str) -> None:
    found = decoded(name)
    assert found.rejected == []
    assert len(found.advertisements) == len(FRAMES[name]["expect"])
    for place, (advertisement, expect) in enumerate(zip(found.advertisements, FRAMES[name]["expect"], strict=True)):
        assert advertisement.sensor == expect["mac"]
        assert advertisement.gateway == (GATEWAYS.get(name) or FRAMES[name]["payload"]["src"])
        assert set(expect) <= {"mac", "values", "rssi", "service_data_hex", "local_name", "model_id", "time", "note"}
        assert advertisement.at.index == place
        for field in ("values", "rssi", "service_data_hex", "local_name", "model_id"):
            if field in expect:
                assert getattr(advertisement, field) == expect[field]
        if "time" in expect:
            assert (advertisement.measured_at, advertisement.time_source) == (RECEIVED_AT, "arrival")
        assert msgspec.json.decode(msgspec.json.encode(advertisement), type=type(advertisement)) == advertisement


@pytest.mark.parametrize("name", WITH_NEWS)
def test_frame_gives_its_news(name: str) -> None:
    found = decoded(name)
    assert (found.advertisements, found.rejected) == ([], [])
    shown = [line for news in found.news for line in show_news(news)]
    assert len(shown) == len(FRAMES[name]["expect"])
    for line, expect in zip(shown, FRAMES[name]["expect"], strict=True):
        assert line | {field: said for field, said in expect.items() if field != "note"} == line
    topic: str = FRAMES[name]["topic"]
    assert found.gateway == "shellypro2-a8032abe54dc"
    assert topic == "etl-1/rpc" or topic.startswith(found.gateway)


@pytest.mark.parametrize("name", WITHOUT_ANY)
def test_frame_is_valid_and_holds_nothing(name: str) -> None:
    assert says_nothing(decoded(name))


@pytest.mark.parametrize(
    ("name", "reasons"), [("openmqttgateway", ["unknown_topic"]), ("cloudrelay_listinfos_response", [])]
)
def test_frame_that_is_not_read_is_kept_or_says_nothing(name: str, reasons: list[str]) -> None:
    found = decoded(name)
    assert [rejected.reason for rejected in found.rejected] == reasons
    assert (found.advertisements, found.news) == ([], [])


@pytest.mark.parametrize("name", DEAD)
def test_frame_is_a_dead_letter(name: str) -> None:
    found = decoded(name)
    assert found.advertisements == []
    assert found.dead_letter is not None
    assert found.dead_letter.reason in REASONS


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
    assert says_nothing(decoded("iobroker_events_ble", retain=True))
    assert says_nothing(decoded("ts_null", retain=True))
    assert len(decoded("shelly_blu_decoded", retain=True).advertisements) == 1


def test_every_frame_is_sorted_somewhere() -> None:
    assert len(WITH_READINGS) + len(WITH_NEWS) + len(WITHOUT_ANY) + len(DEAD) + len(NOT_READ) == len(FRAMES) == 41
