"""Dead letters as text and as JSON."""

import heapq
import json
from collections import Counter
from typing import Any

from api.times import rfc3339
from cli.table import table
from schemas.dead_letter import Letter

_DETAIL = 60  # characters of the detail in a table
_NEWLINES = str.maketrans({"\n": " ", "\r": " ", "\t": " "})


class Listing:
    """How many letters there are of each stage and reason, and the newest `limit` of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: Counter[tuple[str, str]] = Counter()
        self._newest: list[tuple[int, tuple[int, int], Letter]] = []
        self._seen: set[int] = set()

    def add(self, letter: Letter) -> None:
        """Take one more letter, unless it is one that was there."""
        identity = hash(letter.identity)
        if identity in self._seen:
            return
        self._seen.add(identity)
        self._counts[letter.stage, letter.reason] += 1
        entry = (letter.time, letter.place, letter)
        if len(self._newest) < self._limit:
            heapq.heappush(self._newest, entry)
        else:
            heapq.heappushpop(self._newest, entry)

    @property
    def newest(self) -> list[Letter]:
        """The newest first."""
        return [letter for _, _, letter in sorted(self._newest, reverse=True)]

    def as_text(self) -> str:
        """Two tables: counts, letters."""
        if not self._counts:
            return "no dead letters"
        counts = [["stage", "reason", "letters"]]
        counts += [[stage, reason, str(count)] for (stage, reason), count in sorted(self._counts.items())]
        rows = [["place", "time", "stage", "reason", "bytes", "origin", "detail"], *map(_row, self.newest)]
        total = self._counts.total()
        more = f"\n\nthe newest {len(self.newest)} of {total}; more with --limit" if total > len(self.newest) else ""
        return "\n".join([*table(counts), "", *table(rows)]) + more

    def as_json(self) -> str:
        """`counts` by stage and reason, `letters` without their bytes."""
        counts = [
            {"stage": stage, "reason": reason, "letters": count}
            for (stage, reason), count in sorted(self._counts.items())
        ]
        return json.dumps(
            {"counts": counts, "letters": [_facts(letter) for letter in self.newest]}, indent=2, ensure_ascii=False
        )


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


def _row(letter: Letter) -> list[str]:
    facts = _facts(letter)
    names = ("place", "time", "stage", "reason", "bytes", "origin", "detail")
    cells = [_line(str(facts[name])) or "-" for name in names]
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
