"""Waiting for others as data: how long between tries, how long in all, and on which clock.

A test waits minutes on a clock of its own and takes no time.
"""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

_OVER = 0.001  # seconds; less is not worth another try


class Clock(Protocol):
    """What waiting needs of time, in seconds."""

    def now(self) -> float:
        """A time that never goes back."""

    def sleep(self, seconds: float) -> None:
        """Return after ``seconds``."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block this thread."""
        time.sleep(seconds)


SYSTEM = SystemClock()


@dataclass(frozen=True)
class Backoff:
    """Pauses in seconds: ``first``, each ``factor`` times the one before, at most ``cap``.

    Of each, a random part up to ``jitter`` (0 to 1) is left out, so that pods that started together do not
    ask together for ever.
    """

    first: float = 1.0
    factor: float = 2.0
    cap: float = 10.0
    jitter: float = 0.5

    def delays(self) -> Iterator[float]:
        """The pauses, without end."""
        whole = min(self.first, self.cap)
        while True:
            yield whole * (1 - self.jitter * random.random())  # noqa: S311 - spreads load, guards nothing
            whole = min(whole * self.factor, self.cap)


class Patience:
    """The time that a wait may still take, and the pauses between its tries; starts when it is made."""

    def __init__(self, limit: float | None = None, backoff: Backoff | None = None, clock: Clock = SYSTEM) -> None:
        """At most ``limit`` seconds, or for ever when None."""
        self.clock = clock
        self._began = clock.now()
        self._limit = limit
        self._backoff = backoff or Backoff()
        self.reset()

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return self.clock.now() - self._began

    @property
    def left(self) -> float:
        """Seconds until the end: infinite without a limit, 0 when it is over."""
        if self._limit is None:
            return float("inf")
        left = self._limit - self.spent
        return left if left > _OVER else 0.0

    def pause(self, at_least: float = 0.0) -> None:
        """Sleep the next pause, or ``at_least`` seconds where that is longer, and never beyond the end."""
        self.clock.sleep(min(max(next(self._delays), at_least), self.left))

    def reset(self) -> None:
        """Begin again with the first pause: the other side has shown life."""
        self._delays = self._backoff.delays()
