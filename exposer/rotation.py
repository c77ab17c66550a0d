"""What is made of files that others replace, and what counts for as long as what replaces them is not whole."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from exposer.errors import BadInputError
from exposer.stamps import settled, stamp

log = logging.getLogger(__name__)
T = TypeVar("T")
_TRIES = 5


class Rotating(Generic[T]):
    """What ``make`` makes of ``files``; it raises `BadInputError` where they cannot be used, at first the caller's."""

    def __init__(self, files: Sequence[Path], make: Callable[[], T], *, otherwise: T | None = None) -> None:
        """``otherwise``: what counts while the files cannot be used, where it must not be the former value."""
        self._files = files
        self._make = make
        self._otherwise = otherwise
        self._told = ""
        self._seen: list[tuple[int, ...]] | None = None
        self._value = self._take()

    def current(self) -> T:
        """What the files make now; where they make nothing, the former or ``otherwise``; a log line for each cause."""
        if self._seen is not None and self._seen == self._look():
            return self._value
        try:
            self._value = self._take()
            self._told = ""
        except BadInputError as error:
            if str(error) != self._told:
                self._tell(error)
            self._told = str(error)
            if self._otherwise is not None:
                self._value, self._seen = self._otherwise, None
        return self._value

    def _tell(self, error: BadInputError) -> None:
        if self._otherwise is None:
            log.warning("%s; what was read before stays in use", error)
        else:
            log.error("%s; what was read before counts no more", error)

    def _take(self) -> T:
        """A value made between two equal looks, so that its files belong together: they are replaced one by one."""
        for _ in range(_TRIES):
            began, before = time.time_ns(), self._look()
            try:
                value = self._make()
            except BadInputError:
                if self._look() == before:
                    raise
            else:
                if self._look() == before:
                    self._seen = before if all(settled(each, began) for each in before) else None
                    return value
        raise BadInputError("files are being replaced again and again")

    def _look(self) -> list[tuple[int, ...]]:
        return [stamp(str(path)) for path in self._files]
