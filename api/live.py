"""All that is known now: sensors, gateways, how far the stream has come, what people say. And how they stand."""

from collections import Counter
from collections.abc import Callable
from functools import cached_property

from msgspec.structs import replace

from api.table import ClockTable, GatewayTable, SensorTable
from schemas.freshness import GATEWAY_SILENT_MS, Verdict, verdict
from schemas.gateway import GatewayState
from schemas.reading import Latest, LatestValue
from schemas.registry import Registry

LATELY = 10  # intervals: a gateway that heard a sensor within them counts among those that hear it


class Live:
    """The tables and the registry. Read from any thread, changed from one."""

    def __init__(self, registry: Callable[[], Registry] = Registry) -> None:
        self.sensors, self.gateways, self.clock = SensorTable(), GatewayTable(), ClockTable()
        self._registry = registry

    @property
    def registry(self) -> Registry:
        """What people say of sensors, as it is now."""
        return self._registry()

    def sensor_ids(self) -> list[str]:
        """Every sensor that was heard or is registered, sorted."""
        heard = (key for key, row in self.sensors.rows() if row.state)
        return sorted({*heard, *self.registry.entries})

    def knows(self, sensor: str) -> bool:
        """Whether it was ever heard or is registered."""
        return self.sensors.get(sensor) is not None or self.registry.claimed(sensor)

    def at(self, now: int) -> "Standing":
        """How all of it stands at that time (unix milliseconds)."""
        return Standing(self, now)


class Standing:
    """How sensors and gateways stand at one moment. Made for one answer: it looks at the registry and clock once."""

    def __init__(self, live: Live, now: int) -> None:
        self.live, self.now, self.registry = live, now, live.registry
        self._watermarks = {one.partition: one.watermark for one in live.clock.all()}
        self._silent: dict[int | None, frozenset[str]] = {}

    def verdict(self, sensor: str) -> Verdict:
        """Fresh, late, stale or lost, whose fault it seems, since when. A sensor never heard is lost."""
        row = self.live.sensors.row(sensor)
        state = row.state if row else None
        # latest and advertisements have the same key and so the same partition
        watermark = self._watermark(row.place.partition if row and row.place else None)
        interval = self.registry.entry(sensor).interval_ms
        return verdict(
            last_seen=state.last_seen if state else None,
            now=self.now,
            watermark=watermark,
            gateways_silent=lambda: state is not None and self._is_unheard(state, watermark, interval),
            interval_ms=interval,
        )

    def latest(self, sensor: str) -> Latest | None:
        """The sensor's state, with the offsets that the registry has for it now: a new one shows at once."""
        held = self.live.sensors.get(sensor)
        return held and self.corrected(held)

    def corrected(self, held: Latest) -> Latest:
        """The state with the offsets of now instead of those of its newest readings."""
        offsets = self.registry.entry(held.sensor).offsets
        if not offsets and not held.measured:
            return held
        said = {name: held.measured.get(name, one.value) for name, one in held.values.items()}
        right, measured = self.registry.entry(held.sensor).corrected(said, self.now)
        values = {name: LatestValue(right[name], one.measured_at) for name, one in held.values.items()}
        return replace(held, values=values, measured=measured)

    def is_silent(self, gateway: GatewayState) -> bool:
        """Whether the gateway says nothing, as far as the stream has come."""
        return _is_silent(gateway, self._watermark(None))

    def sensors_of(self, gateway: str) -> int:
        """How many sensors the gateway heard lately."""
        return self._hearing[gateway]

    def prefix_of(self, gateway: str) -> str:
        """The topic prefix of a gateway's identity; the identity itself if nothing else is known of it."""
        return self._prefixes.get(gateway, gateway)

    def heard_lately(self, state: Latest) -> list[tuple[str, int]]:
        """The gateways that lately heard the sensor, and how loud (dBm)."""
        since = self.now - LATELY * self.registry.entry(state.sensor).interval_ms
        heard = sorted(state.receptions.items())
        return [(name, one.rssi) for name, one in heard if one.rssi is not None and one.heard_at >= since]

    @cached_property
    def _prefixes(self) -> dict[str, str]:
        return {one.gateway: one.prefix for one in self.live.gateways.all()}

    @cached_property
    def _hearing(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for _, row in self.live.sensors.rows():
            if row.state:
                since = self.now - LATELY * self.registry.entry(row.state.sensor).interval_ms
                found.update(name for name, one in row.state.receptions.items() if one.heard_at >= since)
        return found

    def _watermark(self, partition: int | None) -> int | None:
        """Of the partition; the least of all, if it is not known which."""
        if partition in self._watermarks:
            return self._watermarks[partition]
        return min(self._watermarks.values(), default=None)

    def _is_unheard(self, state: Latest, watermark: int | None, interval: int) -> bool:
        """Whether all gateways that heard the sensor when it was last seen are silent or offline."""
        since = (state.last_seen or 0) - LATELY * interval
        near = {name for name, one in state.receptions.items() if one.heard_at >= since}
        return bool(near) and near <= self._silent_at(watermark)

    def _silent_at(self, watermark: int | None) -> frozenset[str]:
        if watermark not in self._silent:
            states = self.live.gateways.all()
            speaking = {one.gateway for one in states if not (_is_silent(one, watermark) or _has_left(one))}
            self._silent[watermark] = frozenset({one.gateway for one in states} - speaking)
        return self._silent[watermark]


def _has_left(gateway: GatewayState) -> bool:
    """Whether it was said to be offline, and has not spoken since: known well before its silence is."""
    return gateway.online is False and (gateway.online_at or 0) >= gateway.last_frame


def _is_silent(gateway: GatewayState, watermark: int | None) -> bool:
    behind = watermark is not None and watermark - gateway.last_frame > GATEWAY_SILENT_MS
    return gateway.silent_since is not None or behind
