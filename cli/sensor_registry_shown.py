"""What `bluflow sensors` shows of entries and of changes."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from cli.table import table
from runtime.registry_change import Change
from runtime.sensor_entry import form_of, shown_moment
from schemas.reading import Latest
from schemas.registry import Entry, Offset, Placement

_DAY_MS = 86_400_000
_JUST_NOW_MS = 60_000  # a change that counts from now on was written a moment ago
_HEAD = ["sensor", "name", "location", "expected_interval", "limits", "offsets"]


def entries_text(entries: Iterable[Entry]) -> str:
    """A line for each."""
    return "\n".join(table([_HEAD, *(_row(entry) for entry in entries)]))


def listed_text(entries: Iterable[Entry], claimed: Iterable[str], heard: Mapping[str, Latest]) -> str:
    """A line for each, with whether somebody entered it, when it was last heard, and why it is not believed, if so."""
    rows = [[*_row(entry), "yes" if entry.sensor in claimed else "no", *_told(heard, entry)] for entry in entries]
    return "\n".join(table([[*_HEAD, "claimed", "last_seen", "refused"], *rows]))


def listed_json(entries: Iterable[Entry], claimed: Iterable[str], heard: Mapping[str, Latest]) -> str:
    """For programs: each entry as it is written, and the same beside it."""
    shown = [
        {"sensor": entry.sensor, "claimed": entry.sensor in claimed}
        | {"last_seen": _last_seen(heard.get(entry.sensor)), "refused": _refused(heard.get(entry.sensor))}
        | form_of(entry)
        for entry in entries
    ]
    return json.dumps(shown, indent=2, ensure_ascii=False)


def changes_text(changes: Mapping[str, Change]) -> list[str]:
    """A line for each thing that is said otherwise now."""
    lines = []
    for sensor, (before, after) in sorted(changes.items()):
        if after is None:
            lines.append(f"{sensor}: forgotten")
            continue
        old, new = form_of(before) if before else {}, form_of(after)
        keys = [key for key in (*new, *(old.keys() - new.keys())) if old.get(key) != new.get(key)]
        lines += [f"{sensor}: {key} {_short(old.get(key))} -> {_short(new.get(key))}" for key in keys]
        if not keys:
            lines.append(f"{sensor}: entered as it is" if before else f"{sensor}: claimed")
    return lines


def earliest(changes: Mapping[str, Change], *, places: bool) -> dict[str, int]:
    """From when on (unix milliseconds) readings are others by those changes; `places` count only in some stores."""
    found: dict[str, int] = {}
    for sensor, (before, after) in changes.items():
        one, other = before or Entry(sensor), after or Entry(sensor)
        times = [
            _first_difference(one.offsets.get(quantity, ()), other.offsets.get(quantity, ()))
            for quantity in {*one.offsets, *other.offsets}
        ]
        if places:
            times.append(_first_difference(one.placements, other.placements))
        if known := [time for time in times if time is not None]:
            found[sensor] = min(known)
    return found


def replay_text(sensor: str, since: int, now: int, *, archive_days: float | None, raw_days: float) -> str | None:
    """The command that corrects what was measured before `now`; None if nothing was. Unix milliseconds.

    `archive_days`: how long an embedded stack's archive keeps frames, None if frames are in Kafka, for `raw_days`.
    """
    if since > now - _JUST_NOW_MS:
        return None
    first = max(since, now - int((archive_days or raw_days) * _DAY_MS))
    start, end = (shown_moment(time - time % _DAY_MS) for time in (first, now + _DAY_MS))
    source = " --from-archive" if archive_days else ""
    return (
        "what was measured before is corrected, tomorrow or with --force today, by: "
        f"bluflow replay --from {start} --to {end} --sensor {sensor}{source}"
    )


def _first_difference(one: tuple[Any, ...], other: tuple[Any, ...]) -> int | None:
    """The first time at which the two say something else."""
    times = [dated.since for dated in {*one} ^ {*other}]
    return min(times, default=None)


def _row(entry: Entry) -> list[str]:
    limits = [f"{quantity} {_bound(limit.low)}..{_bound(limit.high)}" for quantity, limit in entry.limits.items()]
    offsets = [
        f"{quantity} {_joined(dated, lambda one: f'{one.value:+g}')}" for quantity, dated in entry.offsets.items()
    ]
    return [
        entry.sensor,
        entry.name or "-",
        _joined(entry.placements, lambda one: one.location) or "-",
        f"{entry.interval_ms / 1000:g} s",
        ", ".join(limits) or "-",
        ", ".join(offsets) or "-",
    ]


def _joined(dated: "tuple[Placement, ...] | tuple[Offset, ...]", shown: Any) -> str:
    return "; ".join(shown(one) + (f" from {shown_moment(one.since)}" if one.since else "") for one in dated)


def _bound(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _short(value: object) -> str:
    return "-" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _told(heard: Mapping[str, Latest], entry: Entry) -> list[str]:
    latest = heard.get(entry.sensor)
    return [_last_seen(latest) or "-", _refused(latest) or "-"]


def _refused(latest: Latest | None) -> str | None:
    return latest.refused.reason if latest and latest.refused else None


def _last_seen(latest: Latest | None) -> str | None:
    if latest is None or latest.last_seen is None:
        return None
    return datetime.fromtimestamp(latest.last_seen / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
