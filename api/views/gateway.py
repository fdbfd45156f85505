"""A gateway's state and how it stands."""

from api.live import Standing
from api.responses import Gateway, ScriptHeartbeat
from api.times import rfc3339
from schemas.gateway import GatewayState, Heartbeat


def gateway(standing: Standing, state: GatewayState) -> Gateway:
    """The gateway in the list, and by itself."""
    silent = standing.is_silent(state)
    since = state.silent_since if state.silent_since is not None else state.last_frame
    return Gateway(
        id=state.gateway,
        prefix=state.prefix,
        online=state.online,
        silent=silent,
        silent_since=rfc3339(since) if silent else None,
        last_frame=rfc3339(state.last_frame),
        age_seconds=max(0, standing.now - state.last_frame) / 1000,
        skew_seconds=None if state.skew_ms is None else state.skew_ms / 1000,
        reboots=state.reboots,
        frames=state.frames,
        heartbeat=_heartbeat(state.heartbeat),
        stopped_scripts=state.stopped_scripts,
        alarms=state.alarms,
        flags=list(state.flags),
        sensors=standing.sensors_of(state.gateway),
    )


def _heartbeat(said: Heartbeat | None) -> ScriptHeartbeat | None:
    if said is None:
        return None
    return ScriptHeartbeat(
        at=rfc3339(said.at),
        uptime_seconds=said.uptime,
        heard=said.heard,
        sent=said.sent,
        dropped=said.dropped,
        memory_bytes=said.memory,
    )
