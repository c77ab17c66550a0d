"""Writes that survive a crash: a reader and a power cut see all of a change, or nothing of it."""

import errno
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

_MANY = 100
"""Paths to sync: fewer are synced one by one, because a sync of a whole file system waits for its other writers too."""
_TELLS_ERRORS = (5, 8)
"""The first Linux whose syncfs(2) reports that a write has failed."""
_MISSING = {errno.ENOSYS, errno.EPERM}  # an old kernel's answer, and that of a filter of system calls


def write_durably(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace ``path`` by ``data`` so that a reader and a crash see all of it or nothing of it."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.unlink(missing_ok=True)  # of a run that was killed: its mode may be another
    with open(temporary, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.rename(path)
    sync_directory(path.parent)


def make_directories(directory: Path, root: Path) -> list[Path]:
    """Create ``directory`` and its parents up to ``root``, each durably; returns those that were missing."""
    missing = missing_directories(directory, root)
    for path in reversed(missing):
        path.mkdir(parents=path == root, exist_ok=True)
        sync_directory(path.parent)
    return missing


def missing_directories(directory: Path, root: Path) -> list[Path]:
    """Those of ``directory`` and its parents up to ``root`` that are not there, the deepest first."""
    missing: list[Path] = []
    while not directory.is_dir():
        missing.append(directory)
        if directory == root:
            break
        directory = directory.parent
    return missing


def sync(directories: Collection[Path], files: Collection[Path] = ()) -> None:
    """Make the names in ``directories``, and ``files`` in them, survive a power cut: many of them in one go."""
    paths = (*files, *directories)
    if len(paths) < _MANY or not _sync_file_systems(directories):
        for path in paths:
            _sync(path)


def sync_directory(directory: Path) -> None:
    """Make renames and new names in ``directory`` survive a power cut."""
    _sync(directory, os.O_DIRECTORY)


def _sync(path: Path, flags: int = 0) -> None:
    with _opened(path, flags) as descriptor:
        os.fsync(descriptor)


def _sync_file_systems(directories: Collection[Path]) -> bool:
    """Sync the whole file systems that they are on; whether this kernel does so and tells what failed."""
    import ctypes  # noqa: PLC0415 - the sidecar imports this module, and never has many files to sync

    release = re.match(r"([0-9]+)\.([0-9]+)", os.uname().release)
    library = ctypes.CDLL(None, use_errno=True)
    if not release or (int(release[1]), int(release[2])) < _TELLS_ERRORS or not hasattr(library, "syncfs"):
        return False
    for path in {path.stat().st_dev: path for path in directories}.values():
        with _opened(path) as descriptor:
            if library.syncfs(descriptor) != 0:
                if (number := ctypes.get_errno()) in _MISSING:
                    return False
                raise OSError(number, os.strerror(number), str(path))
    return True


@contextmanager
def _opened(path: Path, flags: int = 0) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
