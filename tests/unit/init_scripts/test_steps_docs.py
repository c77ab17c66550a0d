"""The docs of the steps: their settings tables are those of the settings classes."""

import importlib
import os
import re

import pytest
from project import ROOT

from exposer.errors import ExitCode
from exposer.settings import Settings, table
from init_scripts.settings import PodSettings

STEPS = ROOT / "docs/steps.md"
MARK = re.compile(r"<!-- settings: (\S+)\.(\w+) -->\n(?:\|.*\n)*")


def own_table(module: str, name: str) -> str:
    """The table of what a class adds to the settings of every step."""
    cls: type[Settings] = getattr(importlib.import_module(module), name)
    head, ruler, *rows = table(cls).splitlines(keepends=True)
    shared = set() if cls is PodSettings else set(table(PodSettings).splitlines(keepends=True))
    return "".join([head, ruler, *(row for row in rows if row not in shared)])


def test_the_tables_are_those_of_the_classes() -> None:
    """Every table of docs/steps.md is what its class says; with UPDATE_DOCS set they are written anew."""
    text = STEPS.read_text(encoding="utf-8")
    written = MARK.sub(lambda mark: f"<!-- settings: {mark[1]}.{mark[2]} -->\n{own_table(mark[1], mark[2])}", text)
    if os.environ.get("UPDATE_DOCS"):
        STEPS.write_text(written, encoding="utf-8")

    assert len(MARK.findall(text)) == 6
    assert STEPS.read_text(encoding="utf-8") == written


@pytest.mark.parametrize("code", list(ExitCode))
def test_the_readme_tells_every_exit_code(code: ExitCode) -> None:
    """Each code has its row, and the row says truly whether a retry can help."""
    row = re.search(
        rf"^\| {code.value} \|.*\| ?(\w*) ?\|$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )

    assert row
    assert code.meaning in row[0]
    assert row[1] == ("" if code is ExitCode.DONE else "yes" if code.retryable else "no")
