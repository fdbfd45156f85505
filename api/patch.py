"""A JSON merge patch onto a sensor's entry in the registry. Pure."""

from typing import Any

from msgspec.structs import replace
from pydantic import ValidationError

from api.problems import BadParameter, ProblemRaised
from api.responses.patch import SensorPatch
from schemas.freshness import INTERVAL_MS
from schemas.registry import Entry, Limit, Offset, Placement
from schemas.registry_edits import calibrated, placed

MERGE_PATCH = "application/merge-patch+json"


def merged(target: Any, patch: Any) -> Any:
    """As RFC 7396 has it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def patched(entry: Entry, patch: object, since: int) -> Entry:
    """The entry with what the patch says; places and offsets count from `since` on (unix milliseconds).

    Raises the problem 422, which names each bad member.
    """
    _checked(patch)
    wanted = _checked(merged(_document(entry, since), patch))
    limits: dict[str, Limit] = {}
    for name, bounds in (wanted.limits or {}).items():
        low, high = (bounds.low, bounds.high) if bounds else (None, None)
        if low is None and high is None:
            raise _bad(f"limits.{name}", "neither a low nor a high end; null takes the range away")
        if low is not None and high is not None and low > high:
            raise _bad(f"limits.{name}", "the low end is above the high one")
        limits[name] = Limit(low, high)
    interval = wanted.expected_interval_seconds
    changed = replace(
        entry, name=wanted.name, limits=limits, interval_ms=INTERVAL_MS if interval is None else round(interval * 1000)
    )
    place = Placement(since, wanted.room, wanted.floor, wanted.site)
    if _parts(place) != _parts(entry.placement_at(since)):
        changed = placed(changed, place)
    offsets = wanted.offsets or {}
    for name in sorted({*entry.offsets, *offsets}):
        value = offsets.get(name) or 0.0
        if value != entry.offset_at(name, since):
            changed = calibrated(changed, name, Offset(since, value))
    return changed


def offsets_at(entry: Entry, time: int) -> dict[str, float]:
    """What is added at that time (unix milliseconds), by quantity."""
    found = {name: entry.offset_at(name, time) for name in sorted(entry.offsets)}
    return {name: value for name, value in found.items() if value}


def _document(entry: Entry, since: int) -> dict[str, Any]:
    """What a patch is laid onto: the entry as it is at that time, without what is null."""
    place = entry.placement_at(since) or Placement(since)
    members = {
        "name": entry.name,
        "room": place.room,
        "floor": place.floor,
        "site": place.site,
        "expected_interval_seconds": entry.interval_ms / 1000,
        "limits": {name: {"low": limit.low, "high": limit.high} for name, limit in entry.limits.items()},
        "offsets": offsets_at(entry, since),
    }
    return {name: value for name, value in members.items() if value is not None}


def _checked(document: object) -> SensorPatch:
    try:
        return SensorPatch.model_validate(document)
    except ValidationError as error:
        errors = [
            BadParameter(
                parameter=".".join(str(part)[:100] for part in one["loc"]) or "body",
                detail=str(one["msg"]).removeprefix("Value error, "),
            )
            for one in error.errors()
        ]
        raise ProblemRaised(422, "; ".join(f"{one.parameter}: {one.detail}" for one in errors), errors=errors) from None


def _parts(place: Placement | None) -> tuple[str | None, ...]:
    return (place.room, place.floor, place.site) if place else (None, None, None)


def _bad(parameter: str, detail: str) -> ProblemRaised:
    return ProblemRaised(422, f"{parameter}: {detail}", errors=[BadParameter(parameter=parameter, detail=detail)])
