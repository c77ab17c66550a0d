"""When a volume may have changed: by polling, which serves every file system, or by `exposer.server.events`."""

import asyncio
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from exposer.server.mount import is_local
from exposer.server.threads import Threads
from exposer.stamps import SETTLING_NS, stamp

INTERVAL = 0.02
"""Seconds between two looks at a volume that is polled; also the most by which a waiter is late there."""
SETTLING = SETTLING_NS / 1e9 + INTERVAL
"""Seconds after which nothing can hide in the clock tick of a change any more."""

log = logging.getLogger(__name__)


class Changes(Protocol):
    """Tells when to look at a volume again."""

    async def next(self) -> None:
        """Return once the volume may have changed since the last return; the first time at once."""

    def close(self) -> None:
        """Let go of everything; the next `next` is a first one."""


class Polling:
    """`Changes` by a stat of each path every `INTERVAL`."""

    def __init__(self, paths: Sequence[Path], threads: Threads | None = None) -> None:
        self._paths = tuple(map(str, paths))
        self._threads = threads or Threads(1)
        self._last: list[tuple[int, ...]] | None = None
        self._changed = 0.0

    async def next(self) -> None:
        """Return once a stat differs, and for as long as a stat may not tell.

        How long that is goes by our own clock: the one of a file server may be wrong.
        """
        while True:
            if self._last is not None:
                await asyncio.sleep(INTERVAL)
            found = await self._threads.run(lambda: [stamp(path) for path in self._paths])
            if found != self._last:
                self._last, self._changed = found, time.monotonic()
            if time.monotonic() - self._changed < SETTLING:
                return

    def close(self) -> None:
        """Forget what was seen."""
        self._last = None


class VolumeChanges:
    """`Changes` by events where the kernel has them for all of the paths, by polling elsewhere."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._threads = Threads(1)
        self._way: Changes | None = None
        self._told = ""

    async def next(self) -> None:
        """Return once the volume may have changed since the last return; the first time at once."""
        if self._way is None:
            self._way = await self._choose()
        try:
            await self._way.next()
        except OSError as error:  # a limit of the system, or a directory that must not be read
            self._tell(f"no events for the volume ({error.strerror or error}); it is polled")
            self._way.close()
            self._way = Polling(self._paths, self._threads)
            await self._way.next()

    def close(self) -> None:
        """Let go of everything; the next `next` is a first one."""
        if self._way:
            self._way.close()
        self._way = None

    async def _choose(self) -> Changes:
        if not await self._threads.run(self._is_eventful):
            self._tell("the volume is polled: its file system has no events, or this system offers none")
            return Polling(self._paths, self._threads)
        from exposer.server.events import Events  # noqa: PLC0415 - ctypes is for who waits

        self._tell("the volume is watched by events")
        return Events(self._paths)

    def _tell(self, way: str) -> None:
        """One line when the way is another one; it is chosen anew for each first waiter."""
        if way != self._told:
            log.debug("%s", way)
            self._told = way

    def _is_eventful(self) -> bool:
        """Whether there are events; in a thread, since the library looks for its C library at the first use."""
        if not all(map(is_local, self._paths)):
            return False
        try:
            from inotify_simple import INotify  # noqa: PLC0415 - ctypes is for who waits

            INotify().close()
        except (OSError, ImportError, AttributeError):  # a limit, no ctypes, or a C library without it
            return False
        return True
