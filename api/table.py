"""The newest state of every sensor in memory: which record wins. No Kafka, no clock."""

from collections.abc import Iterable

from msgspec.structs import replace

from schemas.reading import Latest, LatestValue, Reading

# Below every revision of the pipeline: whatever the topic says about the sensor wins.
SEEDED = -1

# None is a sensor that was deleted.
States = dict[str, Latest | None]


def fold(states: States, sensor: str, latest: Latest | None) -> bool:
    """Apply one record of the topic to `states`; False if a higher revision is held already."""
    held = states.get(sensor)
    if latest is not None and held is not None and latest.revision <= held.revision:
        return False
    states[sensor] = latest
    return True


class LatestTable:
    """What the API knows about every sensor. Read from any thread, changed from one."""

    def __init__(self) -> None:
        self._states: States = {}

    def get(self, sensor: str) -> Latest | None:
        """The sensor's newest state, None if it is unknown."""
        return self._states.get(sensor)

    def all(self) -> list[Latest]:
        """Every sensor, sorted by id."""
        return sorted((state for state in list(self._states.values()) if state), key=lambda state: state.sensor)

    def apply(self, sensor: str, latest: Latest | None) -> bool:
        """Apply one record; None deletes. False if it was ignored for its revision."""
        return fold(self._states, sensor, latest)

    def seed(self, readings: Iterable[Reading]) -> None:
        """Make silent sensors known that the topic no longer has; what is held already stays."""
        for reading in readings:
            self._states.setdefault(reading.sensor, seeded(reading))

    def adopt(self, fresh: States) -> None:
        """Take over what was read from the topic's beginning, in one step.

        A sensor that the topic lost stays, and any record of it wins from now on. Of two states the one
        measured later is shown, but the topic's revision counts: a log that was lost begins its revisions anew.
        """
        states = dict(fresh)
        for sensor, held in self._states.items():
            if held is None:
                continue
            if sensor not in states:
                states[sensor] = replace(held, revision=SEEDED)
            elif (new := states[sensor]) and held.revision != SEEDED and held.measured_at > new.measured_at:
                states[sensor] = replace(held, revision=new.revision)
        self._states = states


def seeded(reading: Reading) -> Latest:
    """A stored reading as a sensor's state, until the topic says better.

    It may have come late, so it was last seen no later than it was measured; never, if that is unknown.
    """
    return Latest(
        sensor=reading.sensor,
        revision=SEEDED,
        measured_at=reading.measured_at,
        last_seen=None if reading.time_source == "unknown" else min(reading.measured_at, reading.received_at),
        time_source=reading.time_source,
        gateway=reading.gateway,
        values={name: LatestValue(value, reading.measured_at) for name, value in reading.values.items()},
        readings=0,
        rssi=reading.rssi,
        packet_id=reading.packet_id,
        flags=reading.flags,
    )
