"""What tests of several steps start from."""

from pathlib import Path

import pytest
from go_world import GitRepository, releases, warm


@pytest.fixture
def code(tmp_path: Path) -> GitRepository:
    """A repository with releases to build."""
    return releases(tmp_path / "code")


@pytest.fixture(scope="session")
def builder() -> None:
    """The process that all builds are children of is there, for all tests of this worker."""
    warm()
