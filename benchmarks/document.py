"""docs/benchmarks.md: the text is written by people, what stands between a part's marks by the parts."""

from benchmarks.child import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"


def marks(part: str) -> tuple[str, str]:
    """What stands before and after a part's figures."""
    return f"<!-- {part}: begin -->", f"<!-- {part}: end -->"


def put(text: str, part: str, figures: str) -> str:
    """The page with the part's figures in the place of those that were there. Raises ValueError without the marks."""
    begin, end = marks(part)
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"no marks {begin} and {end} in {PAGE.name}")
    return f"{before}{begin}\n{figures.strip()}\n{end}{after}"
