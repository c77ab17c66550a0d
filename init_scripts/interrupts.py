"""Signals that end a program: SIGTERM and SIGINT become an exception, also in a container's process 1."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """A signal came; not an `Exception`, so that nothing on the way takes it for a failure to retry."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = signal.Signals(number)


_held: list[int] = []
"""The signals that have come while they were held; `_HOLDING` says whether they are."""
_HOLDING = threading.Event()


def hold() -> None:
    """From here on a signal waits for `release`."""
    _HOLDING.set()


def release() -> None:
    """Raises `Interrupted` where a signal has waited."""
    _HOLDING.clear()
    if _held:
        raise Interrupted(_held.pop())


@contextmanager
def interruptible() -> Iterator[None]:
    """Within, SIGTERM and SIGINT raise `Interrupted` in the main thread; the former handlers come back after it."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        if _HOLDING.is_set():
            _held[:] = [number]
        else:
            raise Interrupted(number)

    former = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
