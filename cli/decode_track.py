"""`bluflow decode --track`: the lines as one stream, each packet on its way through de-duplication.

A packet line has its time in `t` (seconds), a frame line in `received_at` or `t`; a line without a time comes one
second after the line before. A line whose time lies back was late: measured then, arrived now.
"""

from typing import Any

from cli.decode_asked import UnclearLine, bytes_of, key_of, mac_of, rssi_of, text_of, time_of
from cli.decode_shown import Shown, show_frame, show_packet
from schemas.advertisement import Advertisement, Coordinate, CounterReset
from schemas.frame import Frame
from streams.fold import fold, forget_counter
from streams.formats import InvalidPacket, decode_frame
from streams.formats.bthome import decode as decode_packet
from streams.sensor_state import SensorState

SENSOR, GATEWAY = "00:00:00:00:00:00", "gateway"  # of a line that names none
_STEP_MS = 1000
_DOWNGRADE = "plaintext_refused"


class Track:
    """All sensors' states so far. `keys`: bind keys by sensor id, to which lines may add."""

    def __init__(self, keys: dict[str, bytes]) -> None:
        self.keys = keys
        self._states: dict[str, SensorState] = {}
        self._line = 0
        self._time: int | None = None  # of the line before
        self._arrived = 0  # the newest time of all; nothing waits here, so it is the watermark too

    def packet(self, asked: dict[str, Any]) -> Shown:
        """The answer to a packet line. Raises UnclearLine."""
        service_data, mac, key, rssi = bytes_of(asked, "service_data_hex"), mac_of(asked), key_of(asked), rssi_of(asked)
        gateway = text_of(asked, "gateway") if asked.get("gateway") is not None else GATEWAY
        measured_at = self._next(time_of(asked, "t"), 0)
        sensor = mac or SENSOR
        if key is not None:
            self.keys[sensor] = key
        key = self.keys.get(sensor)
        try:
            packet = decode_packet(service_data, mac, key)
        except InvalidPacket as invalid:
            return {"error": invalid.reason, "outcome": "drop"}
        except ValueError as error:
            raise UnclearLine(str(error)) from None
        if key is not None and not packet.encrypted:
            return show_packet(packet) | {"outcome": "drop_downgrade"}
        advertisement = Advertisement(
            sensor=sensor,
            gateway=gateway,
            measured_at=measured_at,
            received_at=self._arrived,
            time_source="gateway",
            values=packet.values,
            format="packet",
            at=self._at(),
            rssi=rssi,
            encrypted=packet.encrypted,
            counter=packet.counter,
        )
        return show_packet(packet) | {"outcome": self._fold(advertisement)}

    def frame(self, frame: Frame) -> Shown:
        """The answer to a frame line, whose time has been settled."""
        decoded = decode_frame(frame, self.keys, offset=self._line)
        shown = show_frame(decoded)
        for sensor in decoded.resets:
            forget_counter(self._state(sensor), CounterReset(sensor, frame.received_at, self._at()))
        if decoded.dead_letter:
            return shown | {"outcome": "drop_downgrade" if decoded.dead_letter.reason == _DOWNGRADE else "drop"}
        outcomes = [self._fold(advertisement) for advertisement in decoded.advertisements]
        shown["outcomes"] = outcomes
        return shown | ({"outcome": outcomes[0]} if len(outcomes) == 1 else {})

    def arrival(self, asked: dict[str, Any], now: int) -> int:
        """When a frame line reached the bridge, unix milliseconds; `now` if it and all before have no time."""
        told = time_of(asked, "received_at")
        return self._next(time_of(asked, "t") if told is None else told, now)

    def _next(self, told: int | None, first: int) -> int:
        """The time of the next line."""
        if told is None:
            told = first if self._time is None else self._time + _STEP_MS
        self._line += 1
        self._time, self._arrived = told, max(told, self._arrived)
        return told

    def _at(self) -> Coordinate:
        return Coordinate(0, 0, self._line, 0)

    def _fold(self, advertisement: Advertisement) -> str:
        return fold(self._state(advertisement.sensor), advertisement, self._arrived).outcome

    def _state(self, sensor: str) -> SensorState:
        return self._states.setdefault(sensor, SensorState())
