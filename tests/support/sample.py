"""A part of all that there is to try, chosen by a seed, with every kind of it; all of it where EXHAUSTIVE is 1.

`make test` and `make e2e` take the part, `make exhaustive` takes all.
"""

import os
import random
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

EXHAUSTIVE = os.environ.get("EXHAUSTIVE") == "1"
SEED = int(os.environ.get("SEED", "1"))
TAKEN: dict[tuple[str, str], tuple[int, int]] = {}
"""(file of tests, what was tried) -> how many were taken, of how many there are."""
Point = TypeVar("Point")


def choose(
    points: Sequence[Point], kind: Callable[[Point], Hashable], size: int, *, seed: int = SEED, every: bool = EXHAUSTIVE
) -> list[Point]:
    """About ``size`` of the points, in their order: the first, the last, one of each kind, and others by chance.

    There are more than ``size`` where there are more kinds. With ``every`` all points are taken.
    """
    if every or not points:
        return list(points)
    chance = random.Random(seed)
    kinds: dict[Hashable, list[int]] = {}
    for number, point in enumerate(points):
        kinds.setdefault(kind(point), []).append(number)
    taken = {0, len(points) - 1}
    for numbers in kinds.values():
        if taken.isdisjoint(numbers):
            taken.add(chance.choice(numbers))
    others = sorted(set(range(len(points))) - taken)
    taken.update(chance.sample(others, min(len(others), max(0, size - len(taken)))))
    return [points[number] for number in sorted(taken)]


def sample(points: Sequence[Point], what: str, *, kind: Callable[[Point], Hashable], size: int = 0) -> list[Point]:
    """What a test is to try of ``points``; the end of the run tells how many of how many, under the name ``what``."""
    taken = choose(points, kind, size)
    note(os.environ["PYTEST_CURRENT_TEST"], what, len(taken), len(points))
    return taken


def examples(some: int, every: int) -> int:
    """How many examples a test makes; there is no end of them, so that "all" is a number as well."""
    return every if EXHAUSTIVE else some


def note(test: str, what: str, taken: int, of: int) -> None:
    """Remember what was taken for the node id ``test``."""
    TAKEN[test.partition("::")[0].removeprefix("tests/"), what] = (taken, of)
