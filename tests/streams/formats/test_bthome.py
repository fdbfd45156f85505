"""Service data to packets: every published vector, and a fast way that never differs from the definition."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.advertisement import Stopped
from streams.formats.bthome import collect, decode, walk
from streams.formats.bthome_layout import MAX_PER_LENGTH, Layouts
from streams.formats.bthome_table import OBJECT_TYPES
from streams.formats.encryption import decrypt
from streams.formats.reasons import InvalidPacket

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "bthome-vectors.json").read_text())
GOOD = [vector for vector in VECTORS if "expect" in vector]
BAD = [vector for vector in VECTORS if "expect_error" in vector]
NUMBER_BITS = {t.kind: int(t.kind[4:]) for t in OBJECT_TYPES.values() if t.kind[1:4] == "int"}


def by_name(vector: dict[str, Any]) -> str:
    return str(vector["name"])


def mac_and_key(vector: dict[str, Any]) -> tuple[str | None, bytes | None]:
    return vector.get("mac"), bytes.fromhex(vector["bindkey"]) if "bindkey" in vector else None


@pytest.mark.parametrize("vector", GOOD, ids=by_name)
def test_vector_is_decoded_whole(vector: dict[str, Any]) -> None:
    expect = vector["expect"]
    mac, key = mac_and_key(vector)
    service_data = bytes.fromhex(vector["service_data_hex"])
    for _ in range(2):  # the second time by a learnt layout, where there is one
        packet = decode(service_data, mac, key)
        assert packet.values == expect["values"]
        assert list(packet.values) == list(expect["values"])
        assert (packet.version, packet.encrypted, packet.trigger_based) == (
            expect["version"],
            expect["encrypted"],
            expect["trigger_based"],
        )
        assert packet.counter == expect.get("counter")
        assert packet.stopped == (Stopped(**expect["stopped"]) if "stopped" in expect else None)


@pytest.mark.parametrize("vector", GOOD, ids=by_name)
def test_vector_has_its_objects_in_order(vector: dict[str, Any]) -> None:
    mac, key = mac_and_key(vector)
    service_data = bytes.fromhex(vector["service_data_hex"])
    body = service_data[7:] if service_data[0] & 2 else service_data[1:]
    if vector["expect"]["encrypted"]:
        assert mac is not None
        body, _ = decrypt(body, service_data[0], bytes.fromhex(mac.replace(":", "")), key)
        assert body.hex() == vector["expect"]["plaintext_hex"]
    objects, _ = walk(body)
    assert [[f"0x{object_id:02X}", value] for object_id, value in objects] == vector["expect"]["objects"]


@pytest.mark.parametrize("vector", BAD, ids=by_name)
def test_vector_is_refused_with_its_reason(vector: dict[str, Any]) -> None:
    with pytest.raises(InvalidPacket) as refused:
        decode(bytes.fromhex(vector["service_data_hex"]), *mac_and_key(vector))
    assert refused.value.reason == vector["expect_error"]


@pytest.mark.parametrize("cut", range(1, 10))
def test_a_packet_cut_at_any_byte_keeps_its_whole_objects(cut: int) -> None:
    whole = bytes.fromhex("44004e01642e3f45df00")
    everything = {"packet_id": 78, "battery": 100, "humidity": 63, "temperature": 22.3}
    ends = {1: 0, 3: 1, 5: 2, 7: 3}
    packet = decode(whole[:cut])
    kept = max(n for end, n in ends.items() if end <= cut)
    assert packet.values == dict(list(everything.items())[:kept])
    assert (packet.stopped is None) == (cut in ends)


# but for the bit that says "encrypted": that is the downgrade, refused where the keys are known
@pytest.mark.parametrize(("position", "bit"), [divmod(n, 8) for n in range(1, 18 * 8)])
def test_no_flipped_bit_passes_the_tag(position: int, bit: int) -> None:
    forged = bytearray.fromhex("451aab52a6ba2941ce544bfbd366ce74a710")
    forged[position] ^= 1 << bit
    with pytest.raises(InvalidPacket):
        decode(bytes(forged), "7c:c6:b6:01:02:03", bytes.fromhex("0123456789abcdef" * 2))


def test_an_encrypted_packet_with_its_key_needs_a_mac() -> None:
    with pytest.raises(ValueError, match="MAC"):
        decode(bytes.fromhex("451aab52a6ba2941ce544bfbd366ce74a710"), None, bytes(16))


def test_a_mac_in_the_packet_needs_its_six_bytes() -> None:
    with pytest.raises(InvalidPacket, match="too_short"):
        decode(bytes.fromhex("42b2188d38c1"))


@pytest.mark.parametrize(
    ("object_id", "kind"), [(i, t.kind) for i, t in OBJECT_TYPES.items() if t.kind in NUMBER_BITS], ids=str
)
def test_the_ends_of_every_number_are_exact_decimals(object_id: int, kind: str) -> None:
    bits, object_type = NUMBER_BITS[kind], OBJECT_TYPES[object_id]
    for raw in (0, 1, 2**bits // 2 - 1, 2**bits // 2, 2**bits - 1):
        value = decode(bytes([0x40, object_id]) + raw.to_bytes(bits // 8, "little")).values[object_type.name]
        meant = raw - 2**bits if kind.startswith("s") and raw >= 2 ** (bits - 1) else raw
        assert value == float(Decimal(meant) * Decimal(object_type.factor))
        assert isinstance(value, int if object_type.factor == "1" else float)


def test_all_ids_of_the_table_are_known() -> None:
    assert len(OBJECT_TYPES) == 95
    assert {v["service_data_hex"][2:4].upper() for v in GOOD if v["name"].startswith("spec_0x")} <= {
        f"{object_id:02X}" for object_id in OBJECT_TYPES
    }


object_bytes = st.one_of(
    st.sampled_from(sorted(OBJECT_TYPES)).flatmap(lambda i: st.binary(max_size=5).map(lambda v: bytes([i]) + v)),
    st.sampled_from([bytes.fromhex(text) for text in ("004e", "0164", "2e3f", "45df00", "3a01", "05a08601")]),
)
bodies = st.lists(object_bytes, max_size=8).map(b"".join) | st.binary(max_size=80)


@given(body=bodies, info=st.sampled_from([0x40, 0x44, 0x58, 0x5C]))
def test_the_fast_way_equals_the_definition(body: bytes, info: int) -> None:
    objects, stopped = walk(body)
    for _ in range(2):
        packet = decode(bytes([info]) + body)
        assert (packet.values, packet.stopped) == (collect(objects), stopped)
        assert [type(value) for value in packet.values.values()] == [type(v) for v in collect(objects).values()]
        assert packet.trigger_based == bool(info & 4)


@given(service_data=st.binary(max_size=80), key=st.none() | st.binary(max_size=20))
def test_nothing_but_the_declared_error_is_raised(service_data: bytes, key: bytes | None) -> None:
    reason = None
    try:
        decode(service_data, "7c:c6:b6:01:02:03", key)
    except InvalidPacket as refused:
        reason = refused.reason
    plain = bool(service_data) and service_data[0] & 0b1110_0001 == 0b0100_0000
    plain = plain and (not service_data[0] & 2 or len(service_data) >= 7)
    assert (reason is None) == plain, "random bytes are read if they are plain, and never decrypted"


def test_a_learnt_layout_reads_only_its_own_ids() -> None:
    layouts = Layouts()
    layouts.learn(bytes.fromhex("44004e01642e3f45df00"))
    assert layouts.read(bytes.fromhex("400001010245ffff2e03")) is None
    assert layouts.read(bytes.fromhex("45004e01642e3f45df00")) is None, "encrypted"
    assert layouts.read(bytes.fromhex("400001010245ffff2e")) is None
    assert layouts.read(bytes.fromhex("40000101022e0345ffff")) == {
        "packet_id": 1,
        "battery": 2,
        "humidity": 3,
        "temperature": -0.1,
    }


def test_hostile_senders_can_neither_fill_the_memory_nor_keep_others_out() -> None:
    layouts = Layouts()
    bytes_of_one = [i for i, t in OBJECT_TYPES.items() if t.kind in ("uint8", "bool")]
    for object_id in bytes_of_one:
        layouts.learn(bytes([0x40, object_id, 1]))
    kept = [i for i in bytes_of_one if layouts.read(bytes([0x40, i, 1])) is not None]
    assert 0 < len(kept) <= MAX_PER_LENGTH
    assert bytes_of_one[-1] in kept
