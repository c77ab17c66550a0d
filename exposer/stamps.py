"""What tells a file, at one moment, from any other, and how to open one that somebody else may have put there."""

import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

SETTLING_NS = 100_000_000
"""Nanoseconds. Times on a file system tick (4 ms on most kernels): a change within the tick of the last look leaves
the times as they were, so what is younger than this is looked at again."""


class UnfitError(OSError):
    """What is at a path is there, but it is no regular file, or one that is larger than it may be."""


class Identity(NamedTuple):
    """What tells one file, at one moment, from any other."""

    device: int
    inode: int
    modified_ns: int
    changed_ns: int
    size: int

    @classmethod
    def of(cls, found: os.stat_result) -> "Identity":
        """The identity in a stat."""
        return cls(found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)

    @property
    def content(self) -> tuple[int, int, int, int]:
        """The part that a new link to the file, or the loss of one, leaves as it is."""
        return self.device, self.inode, self.modified_ns, self.size

    def settled(self, now_ns: int) -> bool:
        """Whether a change after ``now_ns`` (nanoseconds since the epoch) must show in the identity.

        Every change sets the time of the inode to now; the other one can be set to whatever its owner likes.
        """
        return self.changed_ns < now_ns - SETTLING_NS


def stamp(path: str) -> tuple[int, ...]:
    """What a stat tells of the file at ``path``: the fields of its `Identity`, or the number of the error alone.

    Plain because it is asked for each request; `Identity` would take half as long again.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path costs three times the call
    except OSError as error:
        return (error.errno or 0,)
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def settled(stamped: tuple[int, ...], now_ns: int) -> bool:
    """Whether a change after ``now_ns`` must show in the `stamp`; that of an error has no time that could hide one."""
    return len(stamped) == 1 or Identity(*stamped).settled(now_ns)


def open_regular(path: Path) -> BufferedReader:
    """The regular file at ``path``, open for reading.

    Anything else is refused before it is opened, because opening a FIFO blocks, or wakes up its writer.

    Raises:
        UnfitError: it is not a regular file.
        OSError: it cannot be opened.
    """
    _must_be_regular(path.stat())
    stream = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115 - Path.open has no opener; the caller closes
    try:
        _must_be_regular(os.fstat(stream.fileno()))
    except UnfitError:
        stream.close()
        raise
    return stream


def read_regular(path: Path, most: int) -> bytes:
    """The bytes of the regular file at ``path``, of which there are at most ``most``.

    Raises:
        UnfitError: there are more, or it is not a regular file.
        OSError: it cannot be read.
    """
    with open_regular(path) as stream:
        if os.fstat(stream.fileno()).st_size > most or len(data := stream.read(most + 1)) > most:
            raise UnfitError("too large to be one")
    return data


def _must_be_regular(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise UnfitError("not a regular file")
