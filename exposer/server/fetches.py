"""Who fetched what: the downloads under way, and the latest that ended."""

import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

KEPT = 256
"""How many ended downloads are remembered."""
_MEMORY = 4 << 20  # bytes that all downloads hold of their files, as long as there are not too many
_LEAST, _MOST = 8 << 10, 256 << 10  # bytes of one of them


@dataclass
class Fetch:
    """One download: of which artifact, by which peer (address without port), how far.

    ``sent`` and ``size`` in bytes; ``started`` and ``ended`` in seconds since the epoch.
    """

    artifact: str
    peer: str
    size: int
    sent: int = 0
    started: float = field(default_factory=time.time)
    ended: float | None = None

    @property
    def state(self) -> Literal["running", "complete", "cut"]:
        """``cut``: it ended before the last byte was handed to the system."""
        if self.ended is None:
            return "running"
        return "complete" if self.sent == self.size else "cut"


class Fetches:
    """The downloads of one sidecar, oldest first; ``totals`` counts all that ever ended by artifact and state."""

    def __init__(self) -> None:
        self.totals: Counter[tuple[str, str]] = Counter()
        self._numbers = count()
        self._running: dict[int, Fetch] = {}
        self._ended: OrderedDict[int, Fetch] = OrderedDict()

    def __len__(self) -> int:
        """How many are under way."""
        return len(self._running)

    def __iter__(self) -> Iterator[Fetch]:
        yield from self._ended.values()
        yield from self._running.values()

    @property
    def share(self) -> int:
        """Bytes of its file that a download may hold now; the more there are, the less."""
        return min(max(_MEMORY // max(len(self), 1), _LEAST), _MOST)

    @contextmanager
    def running(self, artifact: str, peer: str, size: int) -> Iterator[Fetch]:
        """A download for as long as the context lasts; its sender counts in ``sent``."""
        number, fetch = next(self._numbers), Fetch(artifact, peer, size)
        self._running[number] = fetch
        try:
            yield fetch
        finally:
            fetch.ended = time.time()
            self._ended[number] = self._running.pop(number)
            self.totals[artifact, fetch.state] += 1
            if len(self._ended) > KEPT:
                self._ended.popitem(last=False)
