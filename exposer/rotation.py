"""What is made of files that others replace: kept for as long as what replaces them is not whole."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from exposer.errors import BadInputError

log = logging.getLogger(__name__)
T = TypeVar("T")
_SETTLING_NS = 100_000_000  # a change within a file system's tick (4 ms on most kernels) leaves the times as they were
_TRIES = 5


class _Stamp(NamedTuple):
    """What tells a file, at one moment, from any other; of a file that is not there, zeros."""

    device: int = 0
    inode: int = 0
    size: int = 0
    modified_ns: int = 0
    changed_ns: int = 0


class Rotating(Generic[T]):
    """What ``make`` makes of ``files``; it raises `BadInputError` where they cannot be used, at first the caller's."""

    def __init__(self, files: Sequence[Path], make: Callable[[], T]) -> None:
        self._files = files
        self._make = make
        self._told = ""
        self._seen: list[_Stamp] | None = None
        self._value = self._take()

    def current(self) -> T:
        """What the files make now; where they make nothing, the former value, and one warning for each cause."""
        if self._seen is not None and self._seen == self._look():
            return self._value
        try:
            self._value = self._take()
            self._told = ""
        except BadInputError as error:
            if str(error) != self._told:
                log.warning("%s; what was read before stays in use", error)
            self._told = str(error)
        return self._value

    def _take(self) -> T:
        """A value made between two equal looks, so that its files belong together: they are replaced one by one."""
        for _ in range(_TRIES):
            before = self._look()
            try:
                value = self._make()
            except BadInputError:
                if self._look() == before:
                    raise
            else:
                if self._look() == before:
                    self._seen = before if _settled(before) else None
                    return value
        raise BadInputError("files are being replaced again and again")

    def _look(self) -> list[_Stamp]:
        return [_stamp(path) for path in self._files]


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return _Stamp()
    return _Stamp(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _settled(stamps: Sequence[_Stamp]) -> bool:
    """Whether a change from now on must show in the stamps."""
    latest = max((max(stamp.modified_ns, stamp.changed_ns) for stamp in stamps), default=0)
    return latest < time.time_ns() - _SETTLING_NS
