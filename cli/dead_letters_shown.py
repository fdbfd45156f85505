"""Dead letters as text and as JSON."""

import heapq
import json
from collections import Counter
from typing import Any

from api.times import rfc3339
from cli.table import table
from schemas.dead_letter import Letter

_DETAIL = 60  # characters of the detail in a table
_COLUMNS = ("place", "time", "stage", "reason", "bytes", "redriven", "origin", "detail")
_NEWLINES = str.maketrans({"\n": " ", "\r": " ", "\t": " "})


class Listing:
    """How many letters there are of each stage and reason, and the newest `limit` of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kinds: dict[int, tuple[str, str]] = {}  # of each letter, by its identity
        self._redriven: set[int] = set()
        self._newest: list[tuple[int, tuple[int, int], Letter]] = []

    def add(self, letter: Letter) -> None:
        """Take one more letter, unless it is one that was there; or a marker that one was redriven."""
        if letter.redrives:
            self._redriven.add(hash(letter.redrives))
            return
        identity = hash(letter.identity)
        if identity in self._kinds:
            return
        self._kinds[identity] = letter.stage, letter.reason
        entry = (letter.time, letter.place, letter)
        if len(self._newest) < self._limit:
            heapq.heappush(self._newest, entry)
        else:
            heapq.heappushpop(self._newest, entry)

    @property
    def newest(self) -> list[Letter]:
        """The newest first."""
        return [letter for _, _, letter in sorted(self._newest, reverse=True)]

    def counts(self) -> list[dict[str, Any]]:
        """By stage and reason: letters, and how many of them were redriven."""
        letters = Counter(self._kinds.values())
        redriven = Counter(kind for identity, kind in self._kinds.items() if identity in self._redriven)
        return [
            {"stage": stage, "reason": reason, "letters": count, "redriven": redriven[stage, reason]}
            for (stage, reason), count in sorted(letters.items())
        ]

    def as_text(self) -> str:
        """Two tables: counts, letters."""
        counts = self.counts()
        if not counts:
            return "no dead letters"
        total = len(self._kinds)
        rows = [list(_COLUMNS), *(_row(self._told(letter)) for letter in self.newest)]
        more = f"\n\nthe newest {len(self.newest)} of {total}; more with --limit" if total > len(self.newest) else ""
        head = [list(counts[0]), *([str(cell) for cell in count.values()] for count in counts)]
        return "\n".join([*table(head), "", *table(rows)]) + more

    def as_json(self) -> str:
        """`counts` by stage and reason, `letters` without their bytes."""
        found = {"counts": self.counts(), "letters": [self._told(letter) for letter in self.newest]}
        return json.dumps(found, indent=2, ensure_ascii=False)

    def _told(self, letter: Letter) -> dict[str, Any]:
        return {**_facts(letter), "redriven": hash(letter.identity) in self._redriven}


def letter_text(letter: Letter) -> str:
    """Every fact and header a line, then the bytes: as text, or as hex where they are none."""
    facts = [[name, _line(str(value))] for name, value in _facts(letter).items()]
    headers = [[f"header {name}", _line(_readable(value))] for name, value in letter.headers]
    key = [["key", _line(_readable(letter.key))]]
    return "\n".join(
        [*(f"{name:<22} {value}" for name, value in [*facts, *key, *headers]), "", _readable(letter.value)]
    )


def letter_json(letter: Letter) -> str:
    """Everything; the untouched bytes as hex, and beside it as text where they are text."""
    found = _facts(letter) | {
        "key": _readable(letter.key),
        "headers": [[name, _readable(value)] for name, value in letter.headers],
        "value_hex": letter.value.hex(),
        "value_text": _as_text(letter.value),
    }
    return json.dumps(found, indent=2, ensure_ascii=False)


def _facts(letter: Letter) -> dict[str, Any]:
    return {
        "place": f"{letter.place[0]}:{letter.place[1]}",
        "time": rfc3339(letter.time),
        "stage": letter.stage,
        "reason": letter.reason,
        "origin": letter.origin,
        "detail": letter.detail,
        "bytes": len(letter.value),
    }


def _row(facts: dict[str, Any]) -> list[str]:
    cells = [_line(str(facts[name])) or "-" for name in _COLUMNS]
    cells[_COLUMNS.index("redriven")] = "yes" if facts["redriven"] else "-"
    return [*cells[:-1], cells[-1] if len(cells[-1]) <= _DETAIL else cells[-1][: _DETAIL - 1] + "…"]


def _readable(value: bytes) -> str:
    text = _as_text(value)
    return f"hex {value.hex()}" if text is None else text


def _as_text(value: bytes) -> str | None:
    """None for bytes that a terminal could not show as they are."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    return text if all(char.isprintable() or char in "\n\t" for char in text) else None


def _line(text: str) -> str:
    """On one line, without what would steer a terminal."""
    return "".join(char if char.isprintable() else "�" for char in text.translate(_NEWLINES))
