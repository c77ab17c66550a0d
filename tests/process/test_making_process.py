"""Keys files that several processes make at once, or that one is killed over."""

import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from exposer.accounts.keyfile import load_keys

MAKE = """
import sys
from pathlib import Path
from exposer.accounts.making import new_keys
new_keys(Path(sys.argv[1]), {"genesis": 50})
"""


def test_of_many_makers_one_wins(tmp_path: Path) -> None:
    """Processes that make the same file at the same time leave the whole file of one of them; the others say so."""
    path = tmp_path / "keys.json"
    makers = [subprocess.Popen([sys.executable, "-c", MAKE, str(path)], stderr=subprocess.PIPE) for _ in range(4)]
    told = [maker.communicate(timeout=60)[1] for maker in makers]

    assert sorted(maker.returncode for maker in makers) == [0, 1, 1, 1]
    assert sum(b"ConflictError" in text for text in told) == 3
    assert len(load_keys(path).role("genesis")) == 50
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]


def traced(path: Path, *rule: str) -> subprocess.CompletedProcess[bytes]:
    """Make a file while strace(1) injects a fault."""
    command = ["strace", "-f", "-qq", "-o", "/dev/null", *rule, sys.executable, "-c", MAKE, str(path)]
    return subprocess.run(command, capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize("call", ["fsync", "linkat"])
def test_a_maker_that_is_killed_leaves_nothing(tmp_path: Path, call: str) -> None:
    """Until it is whole the file has no name, so there is none to find afterwards, hidden or torn."""
    killed = traced(tmp_path / "keys.json", "-e", f"inject={call}:signal=KILL:error=EINTR")

    assert killed.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_may_have_neither_files_without_a_name_nor_hard_links(tmp_path: Path) -> None:
    """There the file is made in place: private, never in place of another, and gone where it cannot be written."""
    path = tmp_path / "keys.json"
    fat = ("-P", str(tmp_path), "-P", str(path), "-e", "inject=openat:error=EOPNOTSUPP:when=1")
    full = traced(path, *fat, "-e", "inject=write:error=ENOSPC")
    assert full.returncode == 1
    assert list(tmp_path.iterdir()) == []

    made = traced(path, *fat, "-e", "inject=linkat:error=EPERM")
    again = traced(path, *fat)
    assert (made.returncode, again.returncode) == (0, 1)
    assert b"ConflictError" in again.stderr
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(load_keys(path).role("genesis")) == 50
