"""One file that somebody else writes: what it held when it was last looked at."""

import errno
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

from exposer.documents import DocumentError
from exposer.records import digest_stream
from exposer.stamps import Identity, UnfitError, open_regular

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
        except UnfitError as error:
            return Sight(State.INCOMPLETE, str(error))
        except OSError as error:
            return Sight(State.NOT_READY, _in_words(error), lasting=error.errno in _TOLD_BY_A_STAT)

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


def open_same(path: Path, identity: Identity) -> BufferedReader | None:
    """The file at ``path``, open for reading, or None where it is no longer the one with this identity."""
    try:
        stream = open_regular(path)
    except OSError:
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


def _changed(stream: BinaryIO, identity: Identity) -> bool:
    return Identity.of(os.fstat(stream.fileno())).content != identity.content


def _in_words(error: OSError) -> str:
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return "missing"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return "no permission to read it"
    return "it cannot be read"
