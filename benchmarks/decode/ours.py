"""`python -m benchmarks.decode.ours CASE COUNT`. Cases: `plain` and `encrypted` packets; `frames` and `sealed-frames`,
which are a gateway's MQTT messages, one packet each, on their way to an advertisement.
"""

import sys

from benchmarks.decode.packets import START, beacons, measure, sensors
from schemas.frame import Frame
from shelly.world.air import Heard
from shelly.world.shapes import SCRIPTS
from streams.formats import decode_frame
from streams.formats.bthome import decode

GATEWAY = "shellypro2-aabbcc"


def packets(count: int, *, encrypted: bool) -> None:
    """BTHome service data to values."""
    keys = {sensor.mac: sensor.key for sensor in sensors(encrypted=encrypted)}
    found = [(beacon.service_data, beacon.sensor) for beacon in beacons(count, encrypted=encrypted)]
    measure(lambda: sum("temperature" in decode(data, mac, keys[mac]).values for data, mac in found), count)


def frames(count: int, *, encrypted: bool) -> None:
    """Frames to advertisements, as decode does it."""
    keys = {sensor.mac: sensor.key for sensor in sensors(encrypted=encrypted) if sensor.key}
    found = []
    for number, beacon in enumerate(beacons(count, encrypted=encrypted)):
        at = START + number * 10
        written = SCRIPTS["bluflow"].write(GATEWAY, at, number, [Heard(at - 40, -60, beacon)])
        assert written is not None
        found.append(Frame(*written, at + 30))

    def decode_all() -> int:
        temperatures = 0
        for offset, frame in enumerate(found):
            decoded = decode_frame(frame, keys, offset=offset)
            temperatures += "temperature" in decoded.advertisements[0].values
        return temperatures

    measure(decode_all, count)


if __name__ == "__main__":
    case, size = sys.argv[1], int(sys.argv[2])
    (packets if case in ("plain", "encrypted") else frames)(size, encrypted=case in ("encrypted", "sealed-frames"))
