"""When a volume may have changed. Polling serves every file system; another way only has to offer `Changes`."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from exposer.server.file import Identity

INTERVAL = 0.02
"""Seconds between two looks at the volume; also the most by which a waiter is late."""


class Changes(Protocol):
    """Tells when to look at a volume again."""

    async def next(self) -> None:
        """Return once the volume may have changed since the last return; the first time at once."""


class Polling:
    """`Changes` by a stat of each path every `INTERVAL`."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._last: list[Identity | int | None] | None = None

    async def next(self) -> None:
        """Return once a stat differs, or is too young to be trusted."""
        while True:
            found = await asyncio.to_thread(lambda: [_stat(path) for path in self._paths])
            changed, self._last = found != self._last, found
            if changed or not _settled(found):
                return
            await asyncio.sleep(INTERVAL)


def _stat(path: Path) -> Identity | int | None:
    """The file's identity, or the number of the error that hides it."""
    try:
        return Identity.of(path.stat())
    except OSError as error:
        return error.errno


def _settled(found: list[Identity | int | None]) -> bool:
    now = time.time_ns()
    return all(item.settled(now) for item in found if isinstance(item, Identity))
