"""When a volume has changed, by the events of the kernel: inotify(7), without a thread."""

import asyncio
import contextlib
import errno
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from inotify_simple import INotify, flags

from exposer.server.changes import SETTLING
from exposer.stamps import stamp

SLOW = 1.0
"""Seconds between two looks that nothing asks for: a change of a directory far above is told to nobody."""
_MASK = (
    flags.CREATE
    | flags.DELETE
    | flags.MOVED_FROM
    | flags.MOVED_TO
    | flags.MODIFY
    | flags.CLOSE_WRITE
    | flags.ATTRIB
    | flags.DELETE_SELF
    | flags.MOVE_SELF
    | flags.ONLYDIR
)
_MOST_LINKS = 40  # as many as Linux follows (path_resolution(7))
_TRIES = 10
_GONE = {errno.ENOENT, errno.ENOTDIR}

Wanted = dict[str, set[str]]
"""Directory -> the names in it whose events matter; the empty name stands for all of them."""


class Events:
    """`exposer.server.changes.Changes` by events of the directories that ``paths`` are in, or will be.

    Raises `OSError` where the system has no more watches or a directory cannot be watched.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(map(str, paths))
        self._inotify: INotify | None = None
        self._woken = asyncio.Event()
        self._names: dict[int, set[str]] = {}
        self._last: list[tuple[int, ...]] = []
        self._again: float | None = None

    async def next(self) -> None:
        """Return once something has happened, and again after it has settled; the first time at once."""
        if self._inotify is None:
            self._open()
            return
        while True:
            happened = await self._wait()
            self._arm(self._inotify)
            if self._stat() or happened:
                return
            if self._again is not None and self._now() >= self._again:
                self._again = None
                return

    def close(self) -> None:
        """Give the descriptor back."""
        if self._inotify:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._inotify.fileno())
            loop.run_in_executor(None, self._inotify.close)  # the kernel takes its time: up to 30 ms
        self._inotify = None
        self._names = {}

    def _open(self) -> None:
        self._inotify = INotify(nonblocking=True)
        asyncio.get_running_loop().add_reader(self._inotify.fileno(), self._read, self._inotify)
        self._woken.clear()
        self._last = []
        self._arm(self._inotify)
        self._stat()

    def _stat(self) -> bool:
        """Whether a stat differs from the last one; if so the volume has to settle."""
        found = [stamp(path) for path in self._paths]
        changed, self._last = found != self._last, found
        if changed:
            self._again = self._now() + SETTLING
        return changed

    async def _wait(self) -> bool:
        """Whether an event came; else the time was up for a look without one."""
        until = self._now() + SLOW
        if self._again is not None:
            until = min(until, self._again)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._woken.wait()
        happened = self._woken.is_set()
        self._woken.clear()
        return happened

    def _read(self, inotify: INotify) -> None:
        for event in inotify.read(timeout=0):
            names = self._names.get(event.wd)
            # No name: the directory itself was moved or deleted, or (of no directory at all) events were lost.
            if not event.name or (names and (event.name in names or "" in names)):
                self._woken.set()

    def _arm(self, inotify: INotify) -> None:
        """Watch what is to be watched by now; a directory that comes while another is added is seen in the next try."""
        wanted: Wanted = {}
        for _ in range(_TRIES):
            before, wanted = wanted, _wanted(self._paths)
            if wanted == before:
                return
            names: defaultdict[int, set[str]] = defaultdict(set)
            for directory, inside in wanted.items():
                try:
                    names[inotify.add_watch(directory, _MASK)] |= inside
                except OSError as error:
                    if error.errno not in _GONE:
                        raise
            for stale in self._names.keys() - names.keys():
                with contextlib.suppress(OSError):  # the kernel has dropped it together with its directory
                    inotify.rm_watch(stale)
            self._names = dict(names)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _wanted(paths: Sequence[str]) -> Wanted:
    """Where each path is decided: the directories of its links and of its file, or of what is missing of it.

    A path that is a directory is wanted with everything in it.
    """
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for path in paths:
        for directory, name in _deciding(os.path.abspath(path)):  # noqa: PTH100 - the links in it must stay
            wanted[directory].add(name)
    return dict(wanted)


def _deciding(path: str) -> Iterator[tuple[str, str]]:
    """Follow ``path`` as the kernel does (path_resolution(7)): each directory, and the name in it that matters."""
    place, rest, links = "/", _parts(path), 0
    while rest and links <= _MOST_LINKS:
        name = rest.pop(0)
        if name == "..":
            place = str(Path(place).parent)
            continue
        step = f"{place.rstrip('/')}/{name}"
        target, error = _link(step)
        if target:
            yield place, name
            links += 1
            rest = _parts(target) + rest
            place = "/" if target.startswith("/") else place
            continue
        if error != errno.EINVAL or not rest:
            yield place, name
        if error != errno.EINVAL:
            return  # missing so far, or not to be seen
        place = step
    if Path(place).is_dir():
        yield place, ""


def _link(path: str) -> tuple[str, int]:
    """Where a symbolic link points to, else the error; EINVAL is that of anything that is not a link."""
    try:
        return os.readlink(path), 0  # noqa: PTH115 - a Path would cost more than the call
    except OSError as error:
        return "", error.errno or 0


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in {"", "."}]
