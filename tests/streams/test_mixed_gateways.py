"""One packet by three gateways in three shapes, from the frames to the readings."""

import itertools
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.codec import decode_latest, decode_reading, encode
from schemas.reading import Latest, Reading
from schemas.topics import ADVERTISEMENTS, LATEST, READINGS
from streams.decode import DecodeStage
from streams.engine import States
from streams.track import TrackStage
from tests.streams.gateways.test_gateways import NOW, PLACES, SENSOR, record, tick
from tests.streams.gateways.test_native import page

VALUES = {"battery": 100, "humidity": 63, "temperature": 22.3}
MINUTE = 60_000


def event(prefix: str, name: str, data: dict[str, Any], at: int, offset: int) -> Any:
    ts = at / 1000
    events = [{"component": "script:1", "id": 1, "event": name, "data": data, "ts": ts}]
    frame = {"src": f"shellypro2-{prefix}", "method": "NotifyEvent", "params": {"ts": ts, "events": events}}
    return record(offset, f"{prefix}/events/rpc", frame, at + 30)


def raw(pid: int, at: int, offset: int) -> Any:
    data = {"v": 1, "seq": 1, "d": [[SENSOR, -66, 0, f"4400{pid:02x}01642e3f45df00"]]}
    return event("raw", "bluflow", data, at, offset)


def script(pid: int, at: int, offset: int) -> Any:
    # as JavaScript computes 223 * 0.1
    said = {"battery": 100, "humidity": 63, "temperature": 22.3 + 4e-15, "pid": pid, "rssi": -70, "address": SENSOR}
    return event("script", "shelly-blu", {"encryption": False, "BTHome_version": 2, **said}, at, offset)


def native(pid: int | None, at: int, offset: int) -> Any:
    second = at // 1000
    device = {"last_updated_ts": second, "battery": 100, "rssi": -80} | ({} if pid is None else {"packet_id": pid})
    values = {201: 100, 202: 63, 203: 22.3}
    parts = {f"bthomesensor:{n}": {"last_updated_ts": second, "value": value} for n, value in values.items()}
    params = {"ts": at / 1000, "bthomedevice:200": device, **parts}
    return record(offset, "gw/events/rpc", {"src": "shellypro2-a", "method": "NotifyStatus", "params": params}, at + 90)


def track(records: list[Any]) -> tuple[list[Reading], Latest]:
    """What all frames come to: the readings, and the latest state."""
    decode, stage, frames, states = DecodeStage(PLACES, dict), TrackStage(PLACES), States(), States()
    outputs = decode.fold(records, frames, 1).outputs
    advertisements = [
        SimpleNamespace(topic=o.topic, partition=0, offset=n, key=o.key, value=o.value, headers=[], timestamp=1)
        for n, o in enumerate(outputs)
        if o.topic == ADVERTISEMENTS.name and o.key == SENSOR.encode()
    ]
    written = stage.fold(advertisements, states, 0).outputs
    readings = [decode_reading(output.value or b"") for output in written if output.topic == READINGS.name]
    return readings, decode_latest(next(output.value or b"" for output in written if output.topic == LATEST.name))


@pytest.mark.parametrize("native_id", [True, False], ids=["native with packet id", "native without"])
@pytest.mark.parametrize(
    "order", [*itertools.permutations([raw, native, script])], ids=lambda o: " ".join(f.__name__ for f in o)
)
def test_each_packet_is_one_reading_with_the_receptions_of_three(order: tuple[Any, ...], native_id: bool) -> None:
    records = [tick(0, NOW - 30_000), page(1, NOW - 20_000)]
    for beacon in range(5):
        pid, at = 250 + beacon & 255, NOW + beacon * MINUTE
        for late, make in enumerate(order):
            given = None if make is native and not native_id else pid
            records.append(make(given, at + 400 * late, len(records)))
        records.append(tick(len(records), at + 30_000))
    readings, latest = track(records)
    assert [reading.values for reading in readings] == [VALUES] * 5
    assert {type(reading.values["temperature"]) for reading in readings} == {float}
    assert {name: (heard.copies, heard.rssi) for name, heard in latest.receptions.items()} == {
        "shellypro2-raw": (5, -66),
        "shellypro2-a": (5, -80),
        "shellypro2-script": (5, -70),
    }
    assert len({encode(reading.values) for reading in readings}) == 1
