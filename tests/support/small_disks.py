"""File systems of their own, as small as a test wants them; only root may mount them."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from os import geteuid, statvfs
from pathlib import Path
from typing import Literal

import pytest

Kind = Literal["pages", "inodes"]
PAGE = 4096
needs_root = pytest.mark.skipif(geteuid() != 0, reason="only root may mount a file system")


@contextmanager
def mounted(root: Path, content: Path | None = None) -> Iterator[Path]:
    """A file system at ``root``, with a copy of ``content``."""
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "volume", root], check=True)
    try:
        if content:
            shutil.copytree(content, root, dirs_exist_ok=True)
        yield root
    finally:
        subprocess.run(["umount", "--lazy", root], check=True)


def remount(root: Path, options: str) -> None:
    """Change the file system at ``root`` while it is mounted."""
    subprocess.run(["mount", "-o", f"remount,{options}", root], check=True)


def used(root: Path, kind: Kind) -> int:
    """How many pages or inodes of the file system at ``root`` are in use."""
    state = statvfs(root)
    return state.f_files - state.f_ffree if kind == "inodes" else state.f_blocks - state.f_bfree


def limit(root: Path, kind: Kind, whole: int) -> None:
    """Let the file system at ``root`` have this many pages or inodes in all, one at least."""
    whole = max(whole, 1)  # 0 would be without a limit
    remount(root, f"nr_inodes={whole}" if kind == "inodes" else f"size={whole * PAGE}")
