"""Samples to tables, and how contestants are run."""

from pathlib import Path

import pytest

from benchmarks.bench import Bench
from benchmarks.child import Absent, Failed, _result, run_module
from benchmarks.document import PAGE, marks, put
from benchmarks.figures import Outcome, Sample, ratio, spread, table
from benchmarks.parts import PARTS


def sample(rate: float) -> Sample:
    """A second at so many events, half of it on the CPU."""
    return Sample(round(rate), 1.0, 0.5, 7)


def test_a_figure_is_the_median_with_its_spread() -> None:
    assert spread([30_123.0, 10_100.0, 20_500.0]) == "20,500 (10,100..30,100)"
    assert spread([1.2345, 0.5]) == "0.867 (0.5..1.23)"


def test_a_ratio_is_made_of_runs_of_the_same_round() -> None:
    """In the second round the machine was busy for both; the third has one of them only."""
    ours = Outcome("ours", {0: sample(100), 1: sample(10), 2: sample(70)})
    peer = Outcome("peer", {0: sample(50), 1: sample(5)})
    assert ratio(ours, peer, lambda each: each.rate) == 2
    assert ratio(ours, Outcome("absent"), lambda each: each.rate) is None


def test_the_table_names_who_gave_no_figure_and_why() -> None:
    rows = table([Outcome("ours", {0: sample(100)}), Outcome("peer", problem="not installed")], "frames").splitlines()
    assert len({row.count("|") for row in rows}) == 1
    assert "not installed" in rows[-1]
    assert rows[-1].startswith("| peer |")


def test_a_result_is_taken_once_its_line_is_whole(tmp_path: Path) -> None:
    """One of 600,000 latencies was read while it was written, and an hour's figures went with it."""
    printed = tmp_path / "child.out"
    for text, found in [('other\nRESULT {"a"', None), ('other\nRESULT {"a":1}', None), ('RESULT {"a":1}\n', {"a": 1})]:
        printed.write_text(text)
        assert _result(printed, dict[str, int]) == found


def test_contestants_run_in_turn_and_one_that_failed_is_not_asked_again(tmp_path: Path) -> None:
    order: list[tuple[str, int]] = []

    def run(name: str, number: int) -> Sample:
        order.append((name, number))
        if name == "b":
            raise Failed("no")
        if name == "d":
            raise Absent("not installed")
        return sample(1)

    bench = Bench(tmp_path, rounds=2)
    outcomes = bench.compare([(name, lambda number, name=name: run(name, number)) for name in "abcd"])  # type: ignore[misc]
    assert order == [("a", 0), ("b", 0), ("c", 0), ("d", 0), ("a", 1), ("c", 1)]
    assert [(each.name, len(each.samples), each.problem) for each in outcomes] == [
        ("a", 2, ""),
        ("b", 0, "no"),
        ("c", 2, ""),
        ("d", 0, "not installed"),
    ]
    assert bench.failed == ["b: no"]


def test_a_contestant_that_hangs_is_ended_in_time(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="not done within"):
        run_module("http.server", 0, folder=tmp_path, seconds=0.2)


def test_a_contestant_that_dies_says_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"ended with 1: .*No module named nowhere"):
        run_module("nowhere", folder=tmp_path, seconds=30)


def test_a_part_replaces_its_own_figures_only() -> None:
    page = "a\n{}\nold\n{}\nb\n{}\nother\n{}\n".format(*marks("sink"), *marks("engine"))
    assert put(page, "sink", "new") == page.replace("old", "new")
    with pytest.raises(ValueError, match="no marks"):
        put(page, "state", "new")


@pytest.mark.parametrize("part", PARTS)
def test_the_page_has_a_place_for_each_part(part: str) -> None:
    put(PAGE.read_text(), part, "")
