"""The docs of the faucet: their tables are those of the code."""

import importlib
import os
import re

from project import ROOT

from exposer.faucet.problem import Code
from exposer.settings import Settings, table
from init_scripts.settings import PodSettings

PATH = ROOT / "docs/faucet.md"
MARK = re.compile(r"<!-- settings: (\S+)\.(\w+) -->\n(?:\|.*\n)*")


def own_table(module: str, name: str) -> str:
    """The table of a class, without what it shares with every step."""
    cls: type[Settings] = getattr(importlib.import_module(module), name)
    shared = table(PodSettings).splitlines(keepends=True)[2:]
    return "".join(row for row in table(cls).splitlines(keepends=True) if row not in shared)


def test_the_tables_of_settings_are_those_of_the_classes() -> None:
    """Both tables are what their classes say; with UPDATE_DOCS set they are written anew."""
    text = PATH.read_text(encoding="utf-8")
    written = MARK.sub(lambda mark: f"<!-- settings: {mark[1]}.{mark[2]} -->\n{own_table(mark[1], mark[2])}", text)
    if os.environ.get("UPDATE_DOCS"):
        PATH.write_text(written, encoding="utf-8")

    assert len(MARK.findall(text)) == 2
    assert PATH.read_text(encoding="utf-8") == written


def test_the_table_of_codes_is_that_of_the_code() -> None:
    """Each code has its row with its status, and there is no other."""
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \|", PATH.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [(code.text, str(code.status.value)) for code in Code]
