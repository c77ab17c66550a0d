"""Writes that survive a crash: a reader and a power cut see all of a change, or nothing of it."""

import os
from pathlib import Path


def write_durably(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace ``path`` by ``data`` so that a reader and a crash see all of it or nothing of it."""
    temporary = path.with_name(path.name + ".tmp")
    with open(temporary, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.rename(path)
    sync_directory(path.parent)


def make_directories(directory: Path, root: Path) -> list[Path]:
    """Create ``directory`` and its parents up to ``root``, each durably; returns those that were missing."""
    missing: list[Path] = []
    while not directory.is_dir():
        missing.append(directory)
        if directory == root:
            break
        directory = directory.parent
    for path in reversed(missing):
        path.mkdir(parents=path == root, exist_ok=True)
        sync_directory(path.parent)
    return missing


def sync_directory(directory: Path) -> None:
    """Make renames and new names in ``directory`` survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
