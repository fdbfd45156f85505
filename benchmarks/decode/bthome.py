"""`python -m benchmarks.decode.bthome CASE COUNT`: bthome-ble's parser, one a sensor as Home Assistant keeps it. Cases:
`plain` and `encrypted` packets, `fresh`: a parser for each packet. By the peers' Python.
"""

import logging
import sys
from typing import Any

from bleak.backends.device import BLEDevice
from bthome_ble import BTHomeBluetoothDeviceData
from habluetooth import BluetoothServiceInfoBleak

from benchmarks.decode.packets import beacons, measure, sensors

UUID = "0000fcd2-0000-1000-8000-00805f9b34fb"


def main(case: str, count: int) -> None:
    """The service info, which a Bluetooth stack makes, is made before."""
    logging.disable(logging.CRITICAL)
    encrypted = case == "encrypted"
    keys = {sensor.mac: sensor.key for sensor in sensors(encrypted=encrypted)}
    devices = {mac: BLEDevice(mac.upper(), "x", {}) for mac in keys}
    found = [
        BluetoothServiceInfoBleak(
            name="x",
            address=beacon.sensor.upper(),
            rssi=-60,
            manufacturer_data={},
            service_data={UUID: beacon.service_data},
            service_uuids=[],
            source="s",
            device=devices[beacon.sensor],
            advertisement=None,
            connectable=False,
            time=float(number),
            tx_power=None,
        )
        for number, beacon in enumerate(beacons(count, encrypted=encrypted))
    ]
    parsers: dict[str, Any] = {mac.upper(): BTHomeBluetoothDeviceData(bindkey=key) for mac, key in keys.items()}

    def decode_all() -> int:
        temperatures = 0
        for info in found:
            parser = BTHomeBluetoothDeviceData() if case == "fresh" else parsers[info.address]
            update = parser.update(info)
            temperatures += any(key.key == "temperature" for key in update.entity_values)
        return temperatures

    measure(decode_all, count)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
