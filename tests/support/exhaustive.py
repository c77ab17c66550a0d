"""A pytest plugin: which part of all there is to try a run takes, and a table in the docs of the runs that took all.

A test that takes a part has the mark ``sampled``. On a parametrized test the mark has two arguments: ``kind`` is a
function that returns the kind of a set of parameters, ``size`` is the number of sets to take. On a property they are
``examples``, how many it makes in a sample and in all, and ``of``, what it makes examples of.
"""

import datetime as dt
import os
import re
from collections.abc import Callable, Hashable, Iterable
from functools import partial

import pytest
from hypothesis import settings
from project import ROOT
from sample import EXHAUSTIVE, SEED, TAKEN, choose, examples, note

DOCS = ROOT / "docs/volume.md"
TABLE = re.compile(r"(?<=<!-- exhaustive -->\n).*(?=<!-- end of exhaustive -->)", re.DOTALL)
HEAD = ["| test | tried | how many | when |", "|---|---|---|---|"]
settings.register_profile("sample", deadline=None)  # a machine that is busy fails no property
settings.register_profile("exhaustive", deadline=None, max_examples=1000)


def pytest_configure() -> None:
    """No property has a time limit; in an exhaustive run those that name no number of examples have more of them."""
    settings.load_profile("exhaustive" if EXHAUSTIVE else "sample")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Only a sample stays of a parametrized test that is marked so."""
    sets: dict[str, list[pytest.Function]] = {}
    for item in items:
        mark = item.get_closest_marker("sampled")
        if mark and "examples" in mark.kwargs:
            some, every = mark.kwargs["examples"]
            note(item.nodeid, mark.kwargs["of"], examples(some, every), every)
        elif mark and mark.kwargs and isinstance(item, pytest.Function):
            sets.setdefault(item.nodeid.partition("[")[0], []).append(item)
    left_out: set[pytest.Item] = set()
    for test, functions in sets.items():
        how = functions[0].get_closest_marker("sampled")
        assert how
        taken = choose(functions, partial(_kind, how.kwargs["kind"]), how.kwargs["size"])
        left_out |= {*functions} - {*taken}
        note(test, test.rpartition("::")[2].replace("_", " "), len(taken), len(functions))
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _kind(of: Callable[..., Hashable], test: pytest.Function) -> Hashable:
    return of(**test.callspec.params)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist hands over what it took."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["samples"] = [[*key, *counts] for key, counts in TAKEN.items()]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Who started the workers puts it together."""
    for file, what, taken, of in getattr(node, "workeroutput", {}).get("samples", []):
        TAKEN[file, what] = (taken, of)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
    """Say what was taken; of files all of whose tests passed, with UPDATE_DOCS also in the docs.

    A run that was interrupted writes nothing: of a file that it was in, tests are missing.
    """
    results = terminalreporter.stats
    ran = {file_of(report.nodeid) for report in results.get("passed", [])}
    ran -= {file_of(report.nodeid) for name in ("failed", "error", "skipped") for report in results.get(name, [])}
    told = {key: counts for key, counts in sorted(TAKEN.items()) if key[0] in ran}
    for (file, what), (taken, of) in told.items():
        terminalreporter.write_line(f"sample, seed {SEED}: {file}: {what}: {taken} of {of}")
    if EXHAUSTIVE and os.environ.get("UPDATE_DOCS") and exitstatus != pytest.ExitCode.INTERRUPTED:
        when = f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}, seed {SEED}"
        new = [f"| `{file}` | {what} | {taken} of {of} | {when} |" for (file, what), (taken, of) in told.items()]
        text = DOCS.read_text(encoding="utf-8")
        kept = [row for row in rows(text) if file_in(row) not in ran]
        table = "\n".join([*HEAD, *sorted([*kept, *new]), ""])
        DOCS.write_text(TABLE.sub(lambda _: table, text), encoding="utf-8")


def file_of(test: str) -> str:
    """The file of a node id, as the table names it."""
    return test.partition("::")[0].removeprefix("tests/")


def rows(text: str) -> Iterable[str]:
    """The rows of the table in the docs."""
    found = TABLE.search(text)
    assert found
    return found[0].splitlines()[len(HEAD) :]


def file_in(row: str) -> str:
    """The file that a row is about."""
    return row.split("`")[1]
