"""`bluflow decode --track`: the lines are one stream; each answer says what became of its packet."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.decode import track_line
from cli.decode_track import Track

SEQUENCES = json.loads((Path(__file__).parents[1] / "data/bthome-sequences.json").read_text())
MAC, KEY = "7c:c6:b6:01:02:03", "0123456789abcdef" * 2
HT, NEXT = "44004e01642e3f45df00", "44004f01642e3f45df00"


def outcomes(*lines: dict[str, Any]) -> list[str]:
    track = Track({})
    return [track_line(json.dumps(line), track)["outcome"] for line in lines]


def at(t: float | None, service_data: str, **more: object) -> dict[str, Any]:
    return {"service_data_hex": service_data} | ({} if t is None else {"t": t}) | more


def secret(t: float, counter: int, **more: object) -> dict[str, Any]:
    """An encrypted packet of the sensor; its packet id follows the counter."""
    info, count = bytes([0x45]), counter.to_bytes(4, "little")
    nonce = bytes.fromhex(MAC.replace(":", "")) + b"\xd2\xfc" + info + count
    clear = bytes([0x00, counter % 256, 0x2E, 0x3F])
    sealed = AESCCM(bytes.fromhex(KEY), tag_length=4).encrypt(nonce, clear, None)
    return at(t, (info + sealed[:-4] + count + sealed[-4:]).hex(), mac=MAC) | {"bindkey": KEY} | more


def script(name: str, data: object, *, gateway: str, t: float) -> dict[str, Any]:
    params = {"ts": t, "events": [{"event": name, "data": data, "ts": t}]}
    payload = {"src": gateway, "method": "NotifyEvent", "params": params}
    return {"topic": f"{gateway}/events/rpc", "payload": payload, "received_at": t}


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda sequence: str(sequence["name"]))
def test_sequence(sequence: dict[str, Any]) -> None:
    steps = sequence["steps"]
    asked = [{name: said for name, said in step.items() if name != "result"} for step in steps]
    assert outcomes(*asked) == [step["result"] for step in steps]


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ([at(None, HT), at(None, HT), at(None, NEXT)], ["accept", "drop", "accept"]),
        ([at(0, HT), at(119, HT), at(600, HT)], ["accept", "drop", "accept"]),
        # the button press is another packet, though it has the same id
        ([at(0, "44004e3a01"), at(1, "44004e3a02"), at(2, "44004e3a01")], ["accept", "accept", "drop"]),
        ([at(0, "4400ff"), at(60, "440000"), at(61, "4400ff")], ["accept", "accept", "drop"]),
        # a new battery: ids begin anew
        ([at(0, "4400c8012e"), at(60, "4400010164")], ["accept", "accept"]),
        ([at(0, HT, mac=MAC), at(1, HT), at(2, HT, mac=MAC.upper())], ["accept", "accept", "drop"]),
        (
            [at(0, HT, gateway="a"), at(1, HT, gateway="b"), at(2, HT, gateway="b"), at(3, HT, gateway="a")],
            ["accept", "merge", "drop", "drop"],
        ),
        ([at(600, NEXT), at(540, HT), at(541, HT)], ["accept", "accept", "drop"]),
        ([at(0, "24"), at(1, ""), at(2, "45" + "00" * 20)], ["drop", "drop", "drop"]),
    ],
)
def test_plain_packets(lines: list[dict[str, Any]], wanted: list[str]) -> None:
    assert outcomes(*lines) == wanted


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ([secret(0, 50), secret(1, 50), secret(2, 50, gateway="b")], ["accept", "drop", "merge"]),
        # played back after ten minutes: the newest again says nothing, an older one is refused
        (
            [secret(0, 50), secret(60, 51), secret(660, 51), secret(661, 50)],
            ["accept", "accept", "drop", "drop_replay"],
        ),
        # a lower counter of an earlier time is late, not played back
        ([secret(60, 51), secret(0, 50)], ["accept", "accept"]),
        # a new battery: the fifth packet that counts up, over four minutes
        (
            [secret(0, 9000), *(secret(600 + 60 * n, 1 + n) for n in range(6))],
            ["accept", *["drop_replay"] * 4, "accept", "accept"],
        ),
        # too fast for a sensor
        ([secret(0, 9000), *(secret(600 + n, 1 + n) for n in range(6))], ["accept", *["drop_replay"] * 6]),
        ([secret(0, 50), at(1, HT, mac=MAC), at(2, HT)], ["accept", "drop_downgrade", "accept"]),
        # a wrong key is a key
        ([secret(0, 50, bindkey="00" * 16), at(1, HT, mac=MAC), secret(2, 51)], ["drop", "drop_downgrade", "accept"]),
        ([at(0, HT, mac=MAC), secret(1, 79)], ["accept", "accept"]),
    ],
)
def test_encrypted_packets(lines: list[dict[str, Any]], wanted: list[str]) -> None:
    assert outcomes(*lines) == wanted


def test_an_operator_lets_the_counter_begin_anew() -> None:
    reset = {"topic": f"bluflow/reset-counter/{MAC}", "payload": "", "operator": True}
    track = Track({})
    answers = [track_line(json.dumps(line), track) for line in (secret(0, 50), secret(60, 5), reset, secret(120, 6))]
    assert [answer.get("outcome") for answer in answers] == ["accept", "drop_replay", None, "accept"]
    assert answers[2]["resets"] == [MAC]


def test_one_packet_by_adapters_that_know_more_or_less_of_it() -> None:
    t = 1759654321
    blu = {"pid": 78, "battery": 100, "humidity": 63, "temperature": 22.3, "address": MAC}
    assert outcomes(
        script("bluflow", {"v": 1, "d": [[MAC, -66, 0, HT]]}, gateway="a", t=t),
        script("shelly-blu", blu, gateway="b", t=t + 1),
        script("shelly-blu", blu, gateway="b", t=t + 2),
        at(t + 3, HT, mac=MAC, gateway="c"),
        script("shelly-blu", blu | {"pid": 79}, gateway="b", t=t + 60),
    ) == ["accept", "merge", "drop", "merge", "accept"]


def test_a_frame_has_an_outcome_for_each_advertisement() -> None:
    t = 1759654321
    track = Track({})
    frame = script(
        "bluflow", {"v": 1, "d": [[MAC, -66, 0, HT], [MAC, -66, 0, HT], [MAC, -66, 0, NEXT]]}, gateway="a", t=t
    )
    found = track_line(json.dumps(frame), track)
    assert found["outcomes"] == ["accept", "drop", "accept"]
    assert "outcome" not in found
    one = track_line(json.dumps(script("bluflow", {"v": 1, "d": [[MAC, -66, 0, HT]]}, gateway="b", t=t + 1)), track)
    assert (one["outcomes"], one["outcome"]) == (["merge"], "merge")
    assert track_line('{"topic": "a/online", "payload": "true"}', track) == {
        "advertisements": [],
        "news": [{"gateway_online": True}],
        "outcomes": [],
    }


def test_a_frame_in_the_clear_of_a_sensor_with_a_key_is_a_downgrade() -> None:
    frame = script("bluflow", {"v": 1, "d": [[MAC, -66, 0, HT]]}, gateway="a", t=5)
    track = Track({MAC: bytes.fromhex(KEY)})
    assert track_line(json.dumps(frame), track) == {"dead_letter": "plaintext_refused", "outcome": "drop_downgrade"}
    assert track_line('{"topic": "nobody/knows", "payload": "x"}', track) == {
        "dead_letter": "unknown_topic",
        "outcome": "drop",
    }


def test_the_answer_is_the_usual_one_and_the_outcome() -> None:
    assert track_line(json.dumps(at(0, "44004e")), Track({})) == {
        "version": 2,
        "encrypted": False,
        "trigger_based": True,
        "values": {"packet_id": 78},
        "stopped": None,
        "outcome": "accept",
    }
    assert track_line(json.dumps(at(0, "24")), Track({})) == {"error": "unsupported_version", "outcome": "drop"}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "an empty line"),
        ("hello", "not JSON"),
        ("{}", "needed"),
        ('{"service_data_hex": "44", "t": "now"}', "t must be unix seconds"),
        ('{"service_data_hex": "44", "t": -1}', "t must be unix seconds"),
        ('{"service_data_hex": "44", "rssi": "loud"}', "rssi must be"),
        ('{"service_data_hex": "44", "gateway": 5}', "gateway must be a string"),
        ('{"service_data_hex": "44", "mac": "nobody"}', "not a MAC address"),
        ('{"topic": "a/online"}', "payload must be"),
    ],
)
def test_a_bad_line_is_one_clear_line_and_changes_nothing(line: str, says: str) -> None:
    track = Track({})
    track_line(json.dumps(at(0, HT)), track)
    found = track_line(line, track)
    assert found["outcome"] == "drop"
    assert says in found["error"]
    assert "\n" not in found["error"]
    assert track_line(json.dumps(at(None, HT)), track)["outcome"] == "drop"


fields = st.sampled_from(["service_data_hex", "mac", "bindkey", "t", "gateway", "rssi", "topic", "payload", "operator"])
said = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=20).map(bytes.hex)


@settings(deadline=None)
@given(lines=st.lists(st.dictionaries(fields, said).map(json.dumps) | st.text(max_size=40), max_size=6))
def test_nothing_is_raised(lines: list[str]) -> None:
    track = Track({})
    for line in lines:
        found = track_line(line, track)
        assert {"outcome", "outcomes"} & set(found)
        assert b"\n" not in msgspec.json.encode(found)


def test_the_command_keeps_the_stream_from_line_to_line() -> None:
    run = [sys.executable, "-c", "import typer; from cli.decode import decode; typer.run(decode)", "--track"]
    asked = "".join(json.dumps(line) + "\n" for line in (at(0, HT), at(1, HT), at(2, HT, gateway="b"))) + "\n"
    ended = subprocess.run(run, input=asked.encode(), capture_output=True, check=True)
    answers = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [answer["outcome"] for answer in answers] == ["accept", "drop", "merge", "drop"]
    assert "an empty line" in answers[3]["error"]
