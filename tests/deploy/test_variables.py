"""What `.env` may say to the compose files: all of it stands in docs/deploy.md, with the default that it has."""

import re

from tests.deploy.compose import COMBINATIONS, ROOT


def test_every_variable_of_the_compose_files_is_documented_with_its_default() -> None:
    files = sorted({name for names in COMBINATIONS.values() for name in names})
    text = "".join((ROOT / name).read_text() for name in files)
    used = set(re.findall(r"\$\{(\w+):-(.*?)\}", text))
    rows = re.findall(r"^\| `([A-Z_]+)` \| (\S*) ?\|", (ROOT / "docs" / "deploy.md").read_text(), re.MULTILINE)
    assert set(rows) == used
    assert len(rows) == len(used)
    # none without a default: Docker Compose would put nothing in its place
    assert set(re.findall(r"(?<!\$)\$\{?(\w+)", text)) == {name for name, _ in used}
