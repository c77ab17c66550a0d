"""The tiers, and what is done about tests that outgrow them."""

import json
from pathlib import Path

import pytest
import slow_tests
from project import ROOT
from tiers import CI, QUICK, TEST, TIERS, tier_of


def test_every_test_is_in_one_tier() -> None:
    """The folder of each file of tests belongs to a tier, and no folder to two."""
    folders = [folder for tier in TIERS for folder in tier.folders]
    files = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")]

    assert len(folders) == len(set(folders))
    assert {tier_of(file) for file in files} == set(TIERS)


@pytest.mark.parametrize(
    ("test", "tier"),
    [
        ("tests/unit/network/test_a.py::test_b", QUICK),
        ("tests/http/test_a.py::test_b[x]", QUICK),
        ("tests/http/long/test_a.py::test_b", TEST),
        ("tests/chains/test_a.py", CI),
    ],
)
def test_the_innermost_folder_counts(test: str, tier: object) -> None:
    """A part of a folder may be in another tier than the rest of it."""
    assert tier_of(test) is tier


@pytest.mark.parametrize(
    ("first", "again", "slower", "code"),
    [
        (0.9, [], 1, 0),
        (9.0, [0.1], 1, 0),
        (1.1, [1.2, 0.1, 0.2], 1, 0),
        (1.1, [1.2, 1.3, 0.1], 1, 1),
        (1.9, [], 2, 0),
        (2.1, [2.2, 1, 2.2], 2, 1),
    ],
    ids=["quick", "slow once", "slow now and then", "slow", "on a slow machine", "slow on a slow machine"],
)
def test_a_test_is_too_slow_by_its_median(
    first: float, again: list[float], slower: float, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What took too long is run again, and refused where it takes too long more often than not, for this machine."""
    test = "tests/unit/test_a.py::test_b"
    (tmp_path / "times.json").write_text(json.dumps({test: first, "tests/e2e/test_c.py::test_d": 200}))
    times = iter(again)
    monkeypatch.setattr(slow_tests, "again", lambda tests: {one: next(times) for one in tests})
    monkeypatch.setattr(slow_tests, "slowness", lambda: slower)

    assert slow_tests.main([str(tmp_path / "times.json")]) == code
    assert list(times) == []
