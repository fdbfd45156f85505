"""Stretches of time, each [start, end) in unix milliseconds, as sets. Pure."""

from collections.abc import Iterable

Span = tuple[int, int]


def union(spans: Iterable[Span]) -> list[Span]:
    """All that lies in one of them: in order, apart from each other, none of them empty."""
    found: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


def without(span: Span, taken: Iterable[Span]) -> list[Span]:
    """What of `span` lies in none of `taken`, in order."""
    at, found = span[0], []
    for start, end in union(taken):
        found.append((at, min(start, span[1])))
        at = max(at, end)
    return union([*found, (at, span[1])])
