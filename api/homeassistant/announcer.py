"""What Home Assistant is to be told next: the difference between how sensors stand and what it was told. No MQTT here.

States are not retained: one that the broker kept would bring a dead sensor back to life at Home Assistant's next start.
Configurations and availability are, so that it knows every device at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from api.homeassistant import metrics
from api.homeassistant.discovery import OFFLINE, ONLINE, configuration, quantities_of, state
from api.live import Live, Standing
from runtime.mqtt_connection import Message
from schemas.freshness import FACTORS
from schemas.home_assistant import availability_topic, config_topic, state_topic
from schemas.reading import Latest
from schemas.registry import Entry

ALIVE = ("fresh", "late")
# A state that comes at once after its configuration is missed: Home Assistant has to subscribe to it first.
AGAIN_MS = 5_000
_NEVER = 1 << 62


@dataclass(slots=True)
class _Told:
    """Of one sensor. `look_at`: when to look again though nothing has changed; times in unix milliseconds."""

    latest: Latest | None = None
    entry: Entry | None = None
    look_at: int = 0
    device: tuple[str | None, str, int, tuple[str, ...]] | None = None
    alive: bool | None = None
    state_of: int | None = None  # the last_seen of the state that was told
    again_at: int = _NEVER


class Announcer:
    """Of all sensors, on one connection."""

    def __init__(self, live: Live, prefix: str, version: str, *, claimed_only: bool = False) -> None:
        self._live, self._prefix, self._version, self._claimed_only = live, prefix, version, claimed_only
        self._told: dict[str, _Told] = {}
        self._kept: set[str] = set()  # whose configuration the broker holds

    def forget(self) -> None:
        """Nothing was told: the connection is a new one, or Home Assistant is."""
        self._told.clear()

    def kept(self, sensor: str) -> None:
        """The broker holds a configuration of it, perhaps from an earlier life of ours."""
        self._kept.add(sensor)

    def due(self, standing: Standing) -> Iterator[Message]:
        """What is to be said now. What was handed out counts as told."""
        wanted = {
            id: row.state
            for id, row in self._live.sensors.rows()
            if row.state and row.state.measured_at is not None and self._is_wanted(standing, id)
        }
        for id in sorted(self._kept - wanted.keys()):
            yield from self._unwanted(standing, id)
        for id, latest in wanted.items():
            told = self._told.setdefault(id, _Told())
            entry = standing.registry.entry(id)
            if told.latest is not latest or told.entry != entry or standing.now >= told.look_at:
                yield from self._tell(standing, told, latest, entry)
        metrics.DEVICES.set(len(wanted))

    def _is_wanted(self, standing: Standing, sensor: str) -> bool:
        return not self._claimed_only or standing.registry.claimed(sensor)

    def _unwanted(self, standing: Standing, sensor: str) -> Iterator[Message]:
        """Who was forgotten goes from Home Assistant too; of whom we only know nothing, the values are not believed."""
        row = self._live.sensors.row(sensor)
        if (row is not None and row.state is None) or not self._is_wanted(standing, sensor):
            self._kept.discard(sensor)
            self._told.pop(sensor, None)
            yield _said("config", Message(config_topic(self._prefix, sensor), b"", retain=True))
            yield _said("availability", Message(availability_topic(sensor), b"", retain=True))
            return
        told = self._told.setdefault(sensor, _Told())
        if told.alive is not False:
            told.alive = False
            yield _said("availability", Message(availability_topic(sensor), OFFLINE, retain=True))

    def _tell(self, standing: Standing, told: _Told, latest: Latest, entry: Entry) -> Iterator[Message]:
        id, now, quantities = latest.sensor, standing.now, quantities_of(latest)
        device = (entry.name, entry.location_at(now), entry.interval_ms, quantities)
        if told.device != device:
            told.device, told.state_of, told.again_at = device, None, now + AGAIN_MS
            self._kept.add(id)
            config = configuration(entry, device[1], quantities, self._version)
            yield _said("config", Message(config_topic(self._prefix, id), config, retain=True))
        if now >= told.again_at:
            told.state_of, told.again_at = None, _NEVER
        alive = standing.verdict(id).freshness in ALIVE
        if told.alive != alive:
            told.alive, told.state_of = alive, None
            yield _said("availability", Message(availability_topic(id), ONLINE if alive else OFFLINE, retain=True))
        if alive and told.state_of != latest.last_seen:
            # only what was heard since: a state makes the value live for another `expire_after`
            told.state_of = latest.last_seen
            yield _said(
                "state", Message(state_topic(id), state(standing.corrected(latest), quantities, entry.interval_ms))
            )
        stale_at = (latest.last_seen or 0) + dict(FACTORS)["stale"] * entry.interval_ms
        # at the end: whoever takes only some of the messages finds the others here again
        told.latest, told.entry, told.look_at = latest, entry, min(told.again_at, stale_at if alive else _NEVER)


def _said(kind: str, message: Message) -> Message:
    metrics.MESSAGES.labels(kind).inc()
    return message
