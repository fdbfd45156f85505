"""Each cure of the engine, when switched off, makes the test that is named for it fail; with the cure it passes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.streams.engine.mutations import MUTATIONS, NOTHING, Mutation

pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).parents[3]
NO_CURE = {"__init__", "transport"}
# what says that the mutation itself is wrong
BROKEN = ("ImportError", "ModuleNotFoundError", "NameError", "AttributeError", "TypeError", "SyntaxError")
Outcomes = dict[str, str]  # test -> passed, or what it failed of


def outcomes(report: Path) -> Outcomes:
    """Of a JUnit report. A test that could not begin, or did not run, is neither passed nor failed."""
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314  # our own
        test = f"{case.attrib['classname'].replace('.', '/')}.py::{case.attrib['name']}"
        trouble = [child for child in case if child.tag in ("failure", "error", "skipped")]
        if not trouble:
            found[test] = "passed"
        elif len(trouble) == 1 and trouble[0].tag == "failure":
            found[test] = "failed: " + trouble[0].attrib["message"]
        else:
            found[test] = ", ".join(f"{each.tag}: {each.attrib.get('message', '')}" for each in trouble)
    return found


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcomes]:
    """What became of the tests, by the name of what was off. Only of what is asked for."""
    asked = [item.callspec.params.get("mutation") for item in request.session.items if hasattr(item, "callspec")]
    mutations = [mutation for mutation in asked if isinstance(mutation, Mutation)]
    wanted = {NOTHING: sorted({mutation.test for mutation in mutations})}
    wanted |= {mutation.name: [mutation.test] for mutation in mutations}
    folder = tmp_path_factory.mktemp("mutations")
    command = [sys.executable, "-m", "tests.streams.engine.mutations.runner", str(folder)]
    subprocess.run(
        command, input=json.dumps(wanted), text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True
    )
    return {name: outcomes(folder / f"{name}.xml") for name in wanted}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_with_a_cure_off_its_test_fails(mutation: Mutation, runs: dict[str, Outcomes]) -> None:
    assert runs[NOTHING][mutation.test] == "passed"
    outcome = runs[mutation.name][mutation.test]
    assert re.match("failed: ", outcome), outcome
    assert not re.match(f"failed: .*({'|'.join(BROKEN)})", outcome.splitlines()[0]), outcome


def test_every_module_of_the_engine_has_a_mutation() -> None:
    modules = {path.stem for path in (ROOT / "streams" / "engine").glob("*.py")} - NO_CURE
    assert modules - {mutation.module for mutation in MUTATIONS} == set()
    assert len(modules) >= 11


def test_every_cure_that_the_architecture_names_has_a_mutation() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    table = text[text.index("| stock Faust 0.15 |") :].split("\n\n")[0].splitlines()[2:]
    rows = [row.split("|")[1].strip() for row in table]
    assert len(rows) >= 11
    against = {mutation.against for mutation in MUTATIONS} - {""}
    assert [row for row in rows if not row.startswith(tuple(against))] == []
    assert [words for words in against if not any(row.startswith(words) for row in rows)] == []


def test_no_two_mutations_have_one_name() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)
