"""Verdicts for an event loop: looks run in threads, one at a time per artifact, and requests can wait for "ready"."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Literal, TypeVar

from exposer.server.changes import INTERVAL, Changes
from exposer.server.file import State
from exposer.server.view import Name, Verdict, View

Awaited = Name | Literal["ready"]
"""An artifact, or "ready": node id and genesis together."""

T = TypeVar("T")

_CHECKING = Verdict(State.NOT_READY, "being checked")


class Watch:
    """The volume as requests see it. It is looked at when a request asks, and continuously while one waits."""

    def __init__(self, view: View, changes: Changes) -> None:
        self._view = view
        self._changes = changes
        self._locks: defaultdict[Name, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._waiting: defaultdict[Awaited, set[asyncio.Future[Verdict | None]]] = defaultdict(set)
        self._watcher: asyncio.Task[None] | None = None
        self._looks: dict[Awaited, asyncio.Task[None]] = {}
        self._due: set[Awaited] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._latest: dict[Awaited, Verdict] = {}
        self._closing = False

    @property
    def waiters(self) -> int:
        """How many requests wait."""
        return sum(map(len, self._waiting.values()))

    async def look(self, name: Awaited) -> Verdict:
        """The verdict of a look that begins after this call."""
        if name != "ready":
            # A look goes on when its caller leaves: its result is kept, and the lock keeps a second from starting.
            return await asyncio.shield(self._keep(asyncio.create_task(self._look(name))))
        for part in ("node_id", "genesis"):
            verdict = await self.look(part)
            if not verdict.ready:
                return Verdict(verdict.state, f"{part}: {verdict.reason}")
        return Verdict(State.READY)

    async def within(self, name: Awaited, seconds: float) -> Verdict:
        """The verdict, waiting up to ``seconds`` for a look that takes long, but not for the artifact."""
        try:
            async with asyncio.timeout(seconds):
                return await self.look(name)
        except TimeoutError:
            return _CHECKING

    async def until_ready(self, name: Awaited, seconds: float) -> Verdict:
        """The verdict as soon as it is "ready", and after ``seconds`` or in a shutdown the latest one."""
        with self._waiter(name) as ready:
            try:
                async with asyncio.timeout(seconds):
                    verdict = self._latest[name] = await self.look(name)
                    if verdict.state in {State.READY, State.NOT_CONFIGURED}:
                        return verdict
                    return await ready or self._latest[name]
            except TimeoutError:
                return self._latest.get(name, _CHECKING)

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

    async def _watch(self) -> None:
        while True:
            await self._changes.next()
            for name in [name for name, futures in self._waiting.items() if futures]:
                self._due.add(name)
                if name not in self._looks:
                    self._looks[name] = self._keep(asyncio.create_task(self._look_for(name)))
            await asyncio.sleep(INTERVAL)

    async def _look_for(self, name: Awaited) -> None:
        """One look for all who wait for ``name``, and another one if the volume changed during it."""
        try:
            while name in self._due:
                self._due.discard(name)
                self._latest[name] = verdict = await self.look(name)
                if verdict.ready:
                    _resolve(self._waiting[name], verdict)
        finally:
            del self._looks[name]

    async def _look(self, name: Name) -> Verdict:
        async with self._locks[name]:
            return await asyncio.to_thread(self._view.look, name)


def _resolve(futures: set[asyncio.Future[Verdict | None]], verdict: Verdict | None) -> None:
    for future in futures:
        if not future.done():
            future.set_result(verdict)
