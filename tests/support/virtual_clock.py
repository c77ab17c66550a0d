"""A clock for tests that wait: sleeping takes no time, and is remembered."""

from collections.abc import Callable


class VirtualClock:
    """Starts at 0; ``on_sleep`` is called before each sleep ends, for what happens meanwhile."""

    def __init__(self, on_sleep: Callable[[], object] | None = None) -> None:
        self.time = 0.0
        self.slept: list[float] = []
        self._on_sleep = on_sleep

    def now(self) -> float:
        """Virtual seconds."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Pass ``seconds`` at once."""
        self.slept.append(seconds)
        self.time += seconds
        if self._on_sleep:
            self._on_sleep()
