"""Writes that survive a crash."""

import os
from pathlib import Path

from exposer.durable import make_directories, write_durably


def test_write_durably_sets_the_mode_and_replaces(tmp_path: Path) -> None:
    """A secret file is never readable by others, not even while it is written."""
    os.umask(0o022)
    write_durably(tmp_path / "keys", b"1", mode=0o600)
    write_durably(tmp_path / "keys", b"2", mode=0o600)

    assert (tmp_path / "keys").read_bytes() == b"2"
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600


def test_make_directories_tells_which_were_missing(tmp_path: Path) -> None:
    """Every missing directory up to the root is made, and told; those that are there are left alone."""
    root = tmp_path / "root"

    assert make_directories(root / "a/b", root) == [root / "a/b", root / "a", root]
    assert make_directories(root / "a/c", root) == [root / "a/c"]
    assert make_directories(root / "a/c", root) == []
