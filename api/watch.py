"""What changes though no record came: freshness and causes by passing time, the registry by people."""

import asyncio
import logging

from api.changes import Changes
from api.live import Live, Standing
from api.metrics import Metrics
from api.times import Clock
from runtime.registry import SensorRegistry
from schemas.freshness import FACTORS, Cause, Freshness

log = logging.getLogger(__name__)

STANDING_SECONDS = 1.0
REGISTRY_SECONDS = 2.0


class Watch:
    """Notices whoever stands otherwise than when it last looked."""

    def __init__(self, live: Live, changes: Changes) -> None:
        self._live, self._changes = live, changes
        self._sensors: dict[str, tuple[Freshness, Cause | None]] = {}
        self._fresh_until: dict[str, int] = {}  # as long as no record comes
        self._silent: dict[str, bool] = {}

    async def run(self, now: Clock) -> None:
        """Look every second while somebody listens; ends only by cancellation."""
        while True:
            await asyncio.sleep(STANDING_SECONDS)
            if len(self._changes):
                try:
                    self.look(self._live.at(now()))
                except Exception:  # a bug must not end the news for everyone
                    log.exception("watch: looking failed")

    def look(self, standing: Standing) -> None:
        """Mark every sensor and gateway that has changed how it stands."""
        for id in self._live.sensor_ids():
            if standing.now < self._fresh_until.get(id, 0):
                continue
            verdict = standing.verdict(id)
            found = (verdict.freshness, verdict.cause)
            if self._sensors.get(id) != found:
                self._sensors[id] = found
                self._changes.mark("sensor", id)
            latest = self._live.sensors.get(id)
            if found == ("fresh", None) and latest and latest.last_seen is not None:
                # a later record only moves it further away
                self._fresh_until[id] = latest.last_seen + FACTORS[0][1] * standing.registry.entry(id).interval_ms
        for one in self._live.gateways.all():
            silent = standing.is_silent(one)
            if self._silent.get(one.prefix, False) != silent:
                self._silent[one.prefix] = silent
                self._changes.mark("gateway", one.prefix)

    def forget(self) -> None:
        """Intervals may be others now."""
        self._fresh_until.clear()


async def watch_registry(
    registry: SensorRegistry, live: Live, changes: Changes, watch: Watch, metrics: Metrics
) -> None:
    """Tell what changed in it, and read its file again when that changes. A bad one is one line in the log, and the
    old one stays.
    """
    file, sound, before = registry.file, registry.file.registry, live.registry
    while True:
        await asyncio.sleep(REGISTRY_SECONDS)
        if problem := await registry.refresh_aside():
            log.error("%s; the sensors' names and limits stay as they were", problem)
            metrics.registry_failing.set(1)
        elif file.registry is not sound:
            sound = file.registry
            metrics.registry_failing.set(0)
        now = live.registry
        if now is not before:
            log.info("registry: %d sensors", len(now.entries))
            watch.forget()
            for id in {*before.entries, *now.entries}:
                if before.entries.get(id) != now.entries.get(id):
                    changes.mark("sensor", id)
            before = now
