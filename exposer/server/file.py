"""One file that somebody else writes: what it held when it was last looked at."""

import errno
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, Generic, NamedTuple, TypeVar

from exposer.documents import DocumentError
from exposer.records import digest_stream

SETTLING_NS = 100_000_000
"""Nanoseconds. Times on a file system tick (4 ms on most kernels): a change within the tick of the last look leaves
the times as they were, so what is younger than this is looked at again."""

_TOLD_BY_A_STAT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM})
"""Errors whose end shows in a stat of the path: it succeeds then, or the inode has another time."""

T = TypeVar("T")


class State(StrEnum):
    """What an artifact is, as `/status` and the codes of errors call it."""

    READY = "ready"
    NOT_CONFIGURED = "not-configured"
    NOT_READY = "not-ready"
    INCOMPLETE = "incomplete"
    MISMATCH = "mismatch"


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


@dataclass(frozen=True)
class Sight(Generic[T]):
    """One look at a file: ``value`` is set when it is ready, ``identity`` and ``sha256`` as far as it was read.

    ``reason`` is for people and holds neither the path nor anything from inside the file. What is not ``lasting`` may
    be another thing at the next look although the file is the same (a disk that could not be read for a moment).
    """

    state: State
    reason: str = ""
    identity: Identity | None = None
    sha256: str = ""
    value: T | None = None
    lasting: bool = True


class RefusedError(Exception):
    """Why a file must not be served, whatever it is, in words that hold neither its path nor its content."""


_BEING_WRITTEN: Sight[Any] = Sight(State.INCOMPLETE, "being written", lasting=False)


class WatchedFile(Generic[T]):
    """A file and what ``read`` made of it; read again only when it is another file or has changed.

    ``read`` gets the file from its start and raises `DocumentError` where it is not a complete document, `RefusedError`
    where it must not be served. A file of more than ``limit`` bytes is not even read, nor is one that a link leads to
    from below ``root`` to the outside.
    """

    def __init__(
        self, path: Path, read: Callable[[BinaryIO], T], *, limit: int | None = None, root: Path | None = None
    ) -> None:
        self.path = path
        self._read = read
        self._limit = limit
        self._root = root if root and path.is_relative_to(root) else None
        self._last: Sight[T] | None = None

    def look(self) -> Sight[T]:
        """What the file is now; blocks for as long as reading takes."""
        try:
            if self._last and self._last.identity == Identity.of(self.path.stat()):
                return self._last
            with open_regular(self.path) as stream:
                return self._examine(stream)
        except OSError as error:
            return Sight(State.NOT_READY, _in_words(error), lasting=error.errno in _TOLD_BY_A_STAT)
        except DocumentError as error:
            return Sight(State.INCOMPLETE, str(error))

    def _examine(self, stream: BinaryIO) -> Sight[T]:
        began = time.time_ns()
        identity = Identity.of(os.fstat(stream.fileno()))
        if self._root and not real_path(stream).is_relative_to(os.path.realpath(self._root)):
            return Sight(State.MISMATCH, "a link that leads out of the volume")
        if wrong := self._wrong_size(identity.size):
            return Sight(State.INCOMPLETE, wrong, identity)
        _, sha256 = digest_stream(stream)
        stream.seek(0)
        if _changed(stream, identity):  # no need to parse it, which takes longer
            return _BEING_WRITTEN
        sight = self._judge(stream, identity, sha256)
        if _changed(stream, identity):
            return _BEING_WRITTEN
        self._last = sight if identity.settled(began) else None
        return sight

    def _wrong_size(self, size: int) -> str:
        if not size:
            return "empty"
        return "too large to be one" if self._limit is not None and size > self._limit else ""

    def _judge(self, stream: BinaryIO, identity: Identity, sha256: str) -> Sight[T]:
        try:
            return Sight(State.READY, "", identity, sha256, self._read(stream))
        except DocumentError as error:
            return Sight(State.INCOMPLETE, str(error), identity, sha256)
        except RefusedError as error:
            return Sight(State.MISMATCH, str(error), identity, sha256)


def open_regular(path: Path) -> BufferedReader:
    """The regular file at ``path``, open for reading.

    Anything else is refused before it is opened, because opening a FIFO blocks, or wakes up its writer.

    Raises:
        DocumentError: it is not a regular file.
        OSError: it cannot be opened.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise DocumentError("not a regular file")
    stream = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115 - Path.open has no opener; the caller closes
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise DocumentError("not a regular file")
    return stream


def open_same(path: Path, identity: Identity) -> BufferedReader | None:
    """The file at ``path``, open for reading, or None where it is no longer the one with this identity."""
    try:
        stream = open_regular(path)
    except (DocumentError, OSError):
        return None
    if Identity.of(os.fstat(stream.fileno())) == identity:
        return stream
    stream.close()
    return None


def real_path(stream: BinaryIO) -> Path:
    """Where an open file lies once all links are followed; the file itself is asked, so nobody can swap it."""
    try:
        return Path(f"/proc/self/fd/{stream.fileno()}").readlink()
    except OSError:  # no /proc: what the path leads to by now
        return Path(os.path.realpath(stream.name))


def stamp(path: str) -> tuple[int, ...]:
    """What a stat tells of the file at ``path``: the fields of its `Identity`, or the number of the error alone.

    Plain because it is asked for each request; `Identity` would take half as long again.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path costs three times the call
    except OSError as error:
        return (error.errno or 0,)
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def _changed(stream: BinaryIO, identity: Identity) -> bool:
    return Identity.of(os.fstat(stream.fileno())).content != identity.content


def _in_words(error: OSError) -> str:
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return "missing"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return "no permission to read it"
    return "it cannot be read"
