"""What tests of several steps start from."""

from pathlib import Path

import pytest
from go_world import GitRepository, releases


@pytest.fixture
def code(tmp_path: Path) -> GitRepository:
    """A repository with releases to build."""
    return releases(tmp_path / "code")
