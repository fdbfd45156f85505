"""What becomes of an entry when somebody says something new of its sensor. Pure."""

from typing import TypeVar

from msgspec.structs import replace

from schemas.registry import Entry, Limit, Offset, Placement

Dated = TypeVar("Dated", Placement, Offset)


def placed(entry: Entry, place: Placement) -> Entry:
    """It is there from `place.since` on, until the next place that is known."""
    return replace(entry, placements=_with(entry.placements, place, Placement(0)))


def calibrated(entry: Entry, quantity: str, offset: Offset) -> Entry:
    """That offset counts from `offset.since` on, until the next that is known; one of 0 ends the correction."""
    dated = _with(entry.offsets.get(quantity, ()), offset, Offset(0, 0))
    others = {name: held for name, held in entry.offsets.items() if name != quantity}
    return replace(entry, offsets=others | ({quantity: dated} if dated else {}))


def limited(entry: Entry, quantity: str, limit: Limit | None) -> Entry:
    """That range is in order; None: any is."""
    others = {name: held for name, held in entry.limits.items() if name != quantity}
    return replace(entry, limits=others | ({quantity: limit} if limit else {}))


def _with(dated: tuple[Dated, ...], one: Dated, nothing: Dated) -> tuple[Dated, ...]:
    """In order of time, without what says the same as what holds before it; at first that is `nothing`."""
    others = [held for held in dated if held.since != one.since]
    others.append(one)
    others.sort(key=lambda held: held.since)
    kept: list[Dated] = []
    for each in others:
        before = kept[-1] if kept else nothing
        if replace(each, since=0) != replace(before, since=0):
            kept.append(each)
    return tuple(kept)
