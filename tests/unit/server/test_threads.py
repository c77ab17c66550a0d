"""Threads that may hang."""

import asyncio
import threading

import pytest

from exposer.server.threads import Threads


async def test_result_and_error() -> None:
    """What the work returns or raises is the caller's."""
    threads = Threads(1)
    assert await threads.run(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)


async def test_bound() -> None:
    """Work that hangs keeps its place though its caller has left; whoever comes then gets it when that ends."""
    threads, began, go_on = Threads(1), threading.Event(), threading.Event()

    def hang() -> None:
        """Until it is told to go on."""
        began.set()
        go_on.wait()

    hanging = asyncio.create_task(threads.run(hang))
    await asyncio.to_thread(began.wait)
    hanging.cancel()
    follower = asyncio.create_task(threads.run(lambda: 7))
    await asyncio.wait({follower}, timeout=0.05)
    assert not follower.done()
    go_on.set()
    assert await follower == 7
