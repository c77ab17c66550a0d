"""The tiers of the tests: in which each one is, what it may take and do there, and how long it took.

A test is in the tier of its folder, the innermost that is named here. ``make quick`` runs the first, ``make test`` the
first two, ``.ci/run`` all.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, eq=False)
class Tier:
    """Tests that are run for one purpose: folder -> what a test there may take, in seconds."""

    name: str
    folders: Mapping[str, float]


QUICK = Tier("quick", {"unit": 1, "http": 4})
"""In this process: after each change of the code. A sidecar is asked by crowds, and waits for files to settle."""
TEST = Tier("test", {"process": 20, "http/long": 20})
"""Programs as a user runs them, and large tables: before a commit, and on a new machine."""
CI = Tier("ci", dict.fromkeys(("browser", "chains", "docker", "e2e", "kubernetes", "load"), 300))
"""Real chain binaries, whole networks, crowds, and what must be installed for them."""
TIERS = (QUICK, TEST, CI)

_STARTS = {"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen"}
_started: list[str] = []


def folder_of(test: str) -> tuple[Tier, str]:
    """The tier of a test and its folder there, by its node id, which begins with its path."""
    path = Path(test.partition("::")[0])
    folders = [(tier, folder) for tier in TIERS for folder in tier.folders]
    return max((one for one in folders if path.is_relative_to(f"tests/{one[1]}")), key=lambda one: len(one[1]))


def tier_of(test: str) -> Tier:
    """The tier of a test."""
    return folder_of(test)[0]


def limit_of(test: str) -> float:
    """What a test may take, in seconds."""
    tier, folder = folder_of(test)
    return tier.folders[folder]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The file for the times of the tests."""
    parser.addoption("--times", metavar="FILE", help="write how long each test took, as JSON: node id -> seconds")


def pytest_configure(config: pytest.Config) -> None:
    """Count the programs that this process starts from here on, and note times where ``--times`` asks for them."""
    sys.addaudithook(lambda event, what: _started.append(f"{event}: {what}") if event in _STARTS else None)
    if (path := config.getoption("--times")) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Times(config.rootpath / path))


@pytest.fixture(autouse=True)
def _a_quick_test_starts_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that starts a program belongs into another tier."""
    before = len(_started)
    yield
    assert tier_of(request.node.nodeid) is not QUICK or _started[before:] == [], "move it to tests/process"


class _Times:
    """How long each test took, without its fixtures: other tests use them, too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test's call."""
        if report.when == "call":
            self._seconds[report.nodeid] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(self._seconds, indent=0), encoding="utf-8")
