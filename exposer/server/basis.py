"""What a verdict was made from, and whether it is still the same: asked on the event loop, so nothing here may wait."""

import time
from collections.abc import Iterable

from exposer.stamps import settled, stamp


class Basis:
    """What some files and directories were at one moment; a stat of each tells whether they still are."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._began = time.time_ns()
        self._stamps = tuple((path, stamp(path)) for path in paths)

    @property
    def devices(self) -> tuple[tuple[str, int | None], ...]:
        """Each path, and the number of the device that it was on; None where there was nothing."""
        return tuple((path, found[0] if len(found) > 1 else None) for path, found in self._stamps)

    @property
    def settled(self) -> bool:
        """Whether every change since that moment shows in a stat."""
        return all(settled(found, self._began) for _, found in self._stamps)

    def holds(self) -> bool:
        """Whether a stat of each finds what it found then; about a microsecond each."""
        for path, found in self._stamps:  # noqa: SIM110 - the loop takes half of the time that all() and a generator take
            if stamp(path) != found:
                return False
        return True
