"""A log on this machine, read from its end and followed as it grows."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from exposer.errors import BadInputError, TemporaryError
from exposer.network.cause import plain, tells_cause

_TAIL_LINES = 15
_TAIL_BYTES = 64 * 1024
_CHUNK = 1 << 16
_PAUSE = 0.2
"""Seconds between two looks at a log that does not grow."""


def log_tail(path: Path, *, causes: bool = False) -> list[str]:
    """The last lines of a log; with ``causes`` from a Go program's last cause on, as its stack or help is below."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        lines = [plain(line) for line in stream.read().decode(errors="replace").splitlines()]
    found = [place for place, line in enumerate(lines) if causes and tells_cause(line)]
    return lines[found[-1] :][:_TAIL_LINES] if found else lines[-_TAIL_LINES:]


@dataclass(frozen=True)
class LogFile:
    """The log at ``path``."""

    path: Path

    def read(self, tail: int | None = None, *, follow: bool = False) -> Iterator[bytes]:
        """Its bytes, or those of its last ``tail`` lines; with ``follow`` without end.

        Raises:
            BadInputError: it is not there.
            TemporaryError: while it was followed it was deleted, replaced or cut.
        """
        try:
            stream = self.path.open("rb")
        except FileNotFoundError as error:
            raise BadInputError(f"{self.path} is not there; exposer logs lists what there is") from error
        with stream:
            if tail is not None:
                stream.seek(_start_of(stream, tail))
            while True:
                while chunk := stream.read(_CHUNK):
                    yield chunk
                if not follow:
                    return
                self._require_same(stream)
                time.sleep(_PAUSE)

    def _require_same(self, stream: BinaryIO) -> None:
        try:
            now = self.path.stat()
        except FileNotFoundError as error:
            raise TemporaryError(f"{self.path} was deleted while it was followed") from error
        if not os.path.samestat(now, os.fstat(stream.fileno())) or now.st_size < stream.tell():
            raise TemporaryError(f"{self.path} was replaced or cut while it was followed; begin again")


def _start_of(stream: BinaryIO, lines: int) -> int:
    """Where the last ``lines`` lines begin, found from the end; a last line may lack its end."""
    end = stream.seek(0, os.SEEK_END)
    if lines == 0:
        return end
    place, left = end - 1, lines  # the last byte ends the last line, or belongs to one that has no end yet
    while place > 0:
        begin = max(0, place - _CHUNK)
        stream.seek(begin)
        block = stream.read(place - begin)
        found = len(block)
        while (found := block.rfind(b"\n", 0, found)) >= 0:
            left -= 1
            if left == 0:
                return begin + found + 1
        place = begin
    return 0
