"""Where the project is, and the real programs that are built for its tests."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests/data"


def real_binary(name: str) -> str:
    """A real chain binary's path; its tests are skipped where ``make binaries`` has not built it."""
    directory = Path(os.environ.get("TEST_BINARIES", ROOT / ".cache/bin"))
    if not (directory / name).is_file():
        pytest.skip(f"no real {name}; `make binaries` builds it")
    return str(directory / name)
