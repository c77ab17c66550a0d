"""Verdicts for an event loop: looks run in threads, one at a time per artifact, and requests can wait for "ready"."""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

from exposer.server.changes import INTERVAL, Changes
from exposer.server.file import State
from exposer.server.threads import Threads
from exposer.server.view import Name, Verdict, View

Awaited = Name
"""An artifact, or "ready": node id and genesis together."""

T = TypeVar("T")

_PACE = 0.002  # seconds between two changes that are acted on; a step's commit makes a dozen in one go
_PARTS = ("node_id", "genesis")
_MOST_LOOKS = 32  # at a time; each needs a MiB or two
_CHECKING = Verdict(State.NOT_READY, "being checked")


class Watch:
    """The volume as requests see it. It is looked at when a request asks, and continuously while one waits."""

    def __init__(self, view: View, changes: Changes) -> None:
        self._view = view
        self._changes = changes
        self._next: dict[Name, asyncio.Task[Verdict]] = {}
        self._locks: defaultdict[Name, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._waiting: defaultdict[Awaited, set[asyncio.Future[Verdict | None]]] = defaultdict(set)
        self._watcher: asyncio.Task[None] | None = None
        self._looks: dict[Awaited, asyncio.Task[None]] = {}
        self._due: set[Awaited] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._latest: dict[Awaited, Verdict] = {}
        self._current: dict[Name, Verdict] = {}
        self._closing = False
        self._threads = Threads(_MOST_LOOKS)

    @property
    def waiters(self) -> int:
        """How many requests wait."""
        return sum(map(len, self._waiting.values()))

    @property
    def waiting(self) -> dict[str, int]:
        """How many requests wait for what."""
        return {name: len(futures) for name, futures in self._waiting.items() if futures}

    def current(self, name: Name) -> Verdict | None:
        """The verdict on ``name`` if it is known without a look, for the event loop alone: this takes microseconds.

        What was found holds until the loop turns: whatever it is asked for until then had arrived before.
        """
        verdict = self._current.get(name)
        if verdict is None and (verdict := self._kept(name)):
            if not self._current:
                asyncio.get_running_loop().call_soon(self._current.clear)
            self._current[name] = verdict
        return verdict

    async def look(self, name: Awaited) -> Verdict:
        """The verdict of a look that begins after this call; where nothing has changed, a stat of each file is one."""
        if kept := self._kept(name):
            return kept
        if name != "ready":
            # A look goes on when its caller leaves: its result is kept.
            return await asyncio.shield(self._next_look(name))
        return _together([await self.look(part) for part in _PARTS])

    async def within(self, name: Awaited, seconds: float) -> Verdict:
        """The verdict, waiting up to ``seconds`` for a look that takes long, but not for the artifact."""
        try:
            async with asyncio.timeout(seconds):
                return await self.look(name)
        except TimeoutError:
            return _CHECKING

    async def until_ready(self, name: Awaited, seconds: float, gone: asyncio.Future[None] | None = None) -> Verdict:
        """The verdict as soon as it is "ready"; after ``seconds``, in a shutdown or once ``gone``, the latest."""
        with self._waiter(name) as ready:
            if gone:
                gone.add_done_callback(lambda _: _resolve({ready}, None))
            try:
                async with asyncio.timeout(seconds):
                    verdict = self._latest[name] = await self.look(name)
                    if verdict.state in {State.READY, State.NOT_CONFIGURED}:
                        return verdict
                    return await ready or self._latest[name]
            except TimeoutError:
                latest = self._latest.get(name, _CHECKING)
                return _CHECKING if latest.ready else latest  # that it once was ready says nothing now

    def release(self) -> None:
        """Let every waiter go with what there is, now and from now on: the sidecar is shutting down."""
        self._closing = True
        for futures in self._waiting.values():
            _resolve(futures, None)

    async def close(self) -> None:
        """Drop the looks that nobody waits for any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _keep(self, task: asyncio.Task[T]) -> asyncio.Task[T]:
        """A task that `close` knows; the event loop itself would not even keep it from being collected."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    @contextlib.contextmanager
    def _waiter(self, name: Awaited) -> Iterator[asyncio.Future[Verdict | None]]:
        """A future for the verdict; the watcher lives from the first waiter to the last."""
        future: asyncio.Future[Verdict | None] = asyncio.get_running_loop().create_future()
        if self._closing:
            future.set_result(None)
        self._waiting[name].add(future)
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._watch(), name="volume watcher")
        try:
            yield future
        finally:
            self._waiting[name].discard(future)
            if not self.waiters:
                self._watcher.cancel()
                self._watcher = None
                self._changes.close()

    async def _watch(self) -> None:
        while True:
            await self._changes.next()
            for name in [name for name, futures in self._waiting.items() if futures]:
                self._due.add(name)
                if name not in self._looks:
                    self._looks[name] = self._keep(asyncio.create_task(self._look_for(name)))
            await asyncio.sleep(_PACE)

    async def _look_for(self, name: Awaited) -> None:
        """One look for all who wait for ``name``, and another one if the volume changed during it."""
        try:
            while name in self._due:
                self._due.discard(name)
                began = time.monotonic()
                self._latest[name] = verdict = await self.look(name)
                if verdict.ready:
                    _resolve(self._waiting[name], verdict)
                # A large file that is written in pieces must not be read again at once for each of them.
                await asyncio.sleep(min(time.monotonic() - began, INTERVAL))
        finally:
            del self._looks[name]

    def _kept(self, name: Awaited) -> Verdict | None:
        if name != "ready":
            return self._view.kept(name)
        parts = [verdict for part in _PARTS if (verdict := self._view.kept(part))]
        return _together(parts) if len(parts) == len(_PARTS) else None

    def _next_look(self, name: Name) -> asyncio.Task[Verdict]:
        """The look that begins next, one for all who ask until then; after the one under way, if there is one."""
        if name not in self._next:
            self._next[name] = self._keep(asyncio.create_task(self._look(name)))
        return self._next[name]

    async def _look(self, name: Name) -> Verdict:
        try:
            await self._locks[name].acquire()
        finally:
            del self._next[name]
        try:
            return await self._threads.run(partial(self._view.look, name))
        finally:
            self._locks[name].release()


def _together(parts: Sequence[Verdict]) -> Verdict:
    """What the verdicts on `_PARTS` come to."""
    for part, verdict in zip(_PARTS, parts, strict=True):
        if not verdict.ready:
            return Verdict(verdict.state, f"{part}: {verdict.reason}")
    return Verdict(State.READY)


def _resolve(futures: set[asyncio.Future[Verdict | None]], verdict: Verdict | None) -> None:
    for future in futures:
        if not future.done():
            future.set_result(verdict)
