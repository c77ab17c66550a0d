"""The guards around all tests bite, on several workers as on one."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from project import ROOT

TESTS = """
import os
import signal
import subprocess
from pathlib import Path

import pytest
from witness import WITNESS

KEPT = []
SECRET = b"a secret of sixteen bytes and more"


@pytest.mark.parametrize("number", range(8))
def test_good(number, tell):
    WITNESS.learn(SECRET, "all workers")
    WITNESS.tell("a line")
    tell(f"in {os.readlink('/proc/thread-self/ns/net')}")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_that_leaves_a_file_open():
    KEPT.append(Path(__file__).open())


def test_that_starts_a_program():
    subprocess.run(["true"], check=True)


def test_that_tells_a_secret():
    WITNESS.learn(SECRET, "all workers")
    WITNESS.tell(SECRET)
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_what_a_test_must_not_do_is_noticed(workers: int, tmp_path: Path) -> None:
    """An open file, a program in a quick test and a secret are errors; lines and counts of all workers are told."""
    (tmp_path / "tests/unit").mkdir(parents=True)
    (tmp_path / "tests/unit/test_guarded.py").write_text(TESTS)
    shutil.copy(ROOT / "tests/conftest.py", tmp_path / "tests")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/unit", f"--numprocesses={workers}", "--times=times.json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests/support")},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert set(re.findall(r"^(?:ERROR|FAILED) \S+::(\w+)", done.stdout, re.MULTILINE)) == {
        "test_that_leaves_a_file_open",
        "test_that_starts_a_program",
        "test_that_tells_a_secret",
    }, done.stdout
    assert "11 passed, 3 errors" in done.stdout
    assert "witness: 0 answers, 9 log lines, 1 secrets, 1 hits" in done.stdout
    assert "tests/unit/test_guarded.py::test_good[0]" in json.loads((tmp_path / "times.json").read_bytes())
    outside = str(Path("/proc/thread-self/ns/net").readlink())
    inside = re.findall(r"in (net:\S+)$", done.stdout, re.MULTILINE)
    may = shutil.which("unshare") and subprocess.run(["unshare", "--net", "true"], check=False).returncode == 0
    assert len(inside) == 8
    assert (outside not in inside) if workers and may else (set(inside) == {outside})
