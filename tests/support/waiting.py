"""Waiting for what has no event: other processes, the kernel, the state of the code under test.

A test that looks without a pause takes the CPU from what it waits for.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

LIMIT = 240.0
"""Seconds that nothing here may take, on the slowest of machines."""
_FIRST = 0.001
T = TypeVar("T")


def eventually(what: str, look: Callable[[], T | None], *, pause: float = 0.05, limit: float = LIMIT) -> T:
    """The first true thing that ``look`` sees; the test fails with ``what`` after ``limit`` seconds without one.

    ``pause`` is the most seconds between two looks; the first pauses are shorter.
    """
    end = time.monotonic() + limit
    for seconds in _pauses(pause):
        if seen := look():
            return seen
        if time.monotonic() > end:
            break
        time.sleep(seconds)
    return pytest.fail(f"in {limit:g} s it never came to this: {what}")


async def until(condition: Callable[[], object], *, pause: float = 0.05, limit: float = 20.0) -> None:
    """`eventually` where an event loop runs, which turns meanwhile; raises `TimeoutError` after ``limit`` seconds."""
    async with asyncio.timeout(limit):
        for seconds in _pauses(pause):
            if condition():
                return
            await asyncio.sleep(seconds)


def _pauses(most: float) -> Iterator[float]:
    """Seconds, without an end: from a thousandth on each twice the one before, up to ``most``."""
    pause = min(_FIRST, most)
    while True:
        yield pause
        pause = min(2 * pause, most)
