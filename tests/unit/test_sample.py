"""The sample that the tests of faults take, and what the docs say of the runs that took all."""

import re
from collections.abc import Sequence

from exhaustive import DOCS, file_in, rows
from hypothesis import given
from hypothesis import strategies as st
from project import ROOT
from sample import choose

POINTS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=40)


def _numbered(points: Sequence[tuple[str, int]]) -> list[tuple[int, tuple[str, int]]]:
    return list(enumerate(points))


@given(points=POINTS, size=st.integers(0, 50), seed=st.integers())
def test_a_sample(points: list[tuple[str, int]], size: int, seed: int) -> None:
    """It has the first, the last and every kind, is in order, as large as wanted, and the same for the same seed."""
    numbered = _numbered(points)
    taken = choose(numbered, lambda point: point[1], size, seed=seed, every=False)

    assert [point for point in numbered if point in taken] == taken
    assert {kind for _, kind in taken} == {*points}
    assert taken[:1] == numbered[:1]
    assert taken[-1:] == numbered[-1:]
    assert len(taken) >= min(size, len(numbered))
    assert len(taken) <= max(size, len({*points}) + 2)
    assert choose(numbered, lambda point: point[1], size, seed=seed, every=False) == taken


@given(points=POINTS, size=st.integers(0, 50), seed=st.integers())
def test_all_of_it(points: list[tuple[str, int]], size: int, seed: int) -> None:
    """With ``every`` all points are taken, in their order."""
    assert choose(points, lambda point: point, size, seed=seed, every=True) == points


def test_another_seed_takes_others() -> None:
    """What is not taken today is taken with another seed: at length all of it."""
    points = range(100)
    assert {point for seed in range(100) for point in choose(points, lambda _: 0, 10, seed=seed, every=False)} == {
        *points
    }


def test_the_docs_name_every_sample() -> None:
    """Each file of tests that takes a sample has a row: of its last whole run, or that only the sample has run."""
    files = (path for path in (ROOT / "tests").rglob("test_*.py") if "mark.sampled" in path.read_text(encoding="utf-8"))
    sampled = {path.relative_to(ROOT / "tests").as_posix() for path in files} - {"unit/test_sample.py"}

    told = list(rows(DOCS.read_text(encoding="utf-8")))
    forms = re.compile(
        r".* \| (\d+) of \1 \| \d{4}-\d\d-\d\d, seed \d+ \|"
        r"|.* \| \d+ of \d+ \| sample only, not yet in full \|"
    )

    assert {file_in(row) for row in told} == sampled
    assert [row for row in told if not forms.fullmatch(row)] == []
