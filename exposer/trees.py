"""Trees of files of any depth: Python before 3.13 walks and deletes by recursion, which ends at a thousand levels."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def walk(tree: Path) -> Iterator[tuple[str, list[str]]]:
    """Each directory of ``tree`` with the names of all in it that is none, parents first; links are not followed.

    Raises:
        OSError: a directory cannot be read.
    """
    waiting = [str(tree)]
    while waiting:
        at = waiting.pop()
        names = []
        with os.scandir(at) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    names.append(entry.name)
        yield at, names


def remove(tree: Path) -> None:
    """Delete a directory, if it is there, whatever is in it."""
    directories = [tree] if tree.exists() else []
    for directory in directories:  # which grow meanwhile
        open_to_owner(directory)
        with os.scandir(directory) as entries:
            for entry in list(entries):
                if entry.is_dir(follow_symlinks=False):
                    directories.append(Path(entry.path))
                else:
                    os.unlink(entry.path)  # noqa: PTH108 - there may be very many
    for directory in reversed(directories):
        directory.rmdir()


def open_to_owner(path: Path) -> None:
    """Let its owner change a file, or what is in a directory, which those of Go's module cache refuse, say."""
    mode = path.lstat().st_mode
    needed = stat.S_IRWXU if stat.S_ISDIR(mode) else stat.S_IRUSR | stat.S_IWUSR
    if not stat.S_ISLNK(mode) and mode & needed != needed:
        path.chmod(stat.S_IMODE(mode) | needed)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file and its mode; directories that are missing are made for this user alone."""
    for directory in reversed([path for path in target.parents if not path.exists()]):
        directory.mkdir(mode=0o700)
    target.unlink(missing_ok=True)  # of a run that was killed
    mode = source.stat().st_mode & 0o777
    with source.open("rb") as stream, open(target, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as copy:
        shutil.copyfileobj(stream, copy)
        with suppress(PermissionError):  # a mount may have modes of its own
            os.fchmod(copy.fileno(), mode)
