"""Threads for what may hang, as reading from a file server may: neither the rest nor the end of the process waits."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """At most ``most`` threads at a time, for an event loop; whoever comes when all of them hang waits.

    Not an executor: the interpreter joins the threads of each one before it ends.
    """

    def __init__(self, most: int) -> None:
        self._free = asyncio.Semaphore(most)

    async def run(self, work: Callable[[], T]) -> T:
        """What ``work`` returns or raises; its thread goes on, and counts, when the caller is cancelled."""
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()

        def act() -> None:
            """Work, in the thread."""
            try:
                settle = partial(outcome.set_result, work())
            except BaseException as error:  # noqa: BLE001 - it is the caller's
                settle = partial(outcome.set_exception, error)
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(end, settle)

        def end(settle: Callable[[], None]) -> None:
            """Tell, in the loop."""
            self._free.release()
            if not outcome.cancelled():
                settle()

        threading.Thread(target=act, name="volume", daemon=True).start()
        return await outcome
