"""docs/recovery.md shows the table that the tests of faults are held to."""

import os
import re

import pytest
from project import ROOT
from step_faults import TABLES, Fault, rows

from exposer.errors import ExitCode

DOCS = ROOT / "docs/recovery.md"
MARKED = re.compile(r"(?<=<!-- faults -->\n).*(?=<!-- end of faults -->)", re.DOTALL)
FAULTS = [fault for table in TABLES.values() for fault in table]


def test_the_tables_are_those_of_the_tests() -> None:
    """The docs show each row; with UPDATE_DOCS set they are written anew."""
    shown = "\n".join("\n".join([f"## {title}", *rows(faults), ""]) for title, faults in TABLES.items())
    text = DOCS.read_text(encoding="utf-8")
    written = MARKED.sub(lambda _: shown, text)
    if os.environ.get("UPDATE_DOCS"):
        DOCS.write_text(written, encoding="utf-8")

    assert DOCS.read_text(encoding="utf-8") == written


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_row_can_be_believed(fault: Fault) -> None:
    """Each row names a file of tests that is there and knows the table, and only exit codes that are documented."""
    tests = (ROOT / "tests" / fault.tested).read_text(encoding="utf-8")

    assert "step_faults" in tests or "create_validator" in fault.tested
    assert set(fault.codes) <= set(ExitCode)
