"""The browser of the tests, and a pod that is ready."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_world import chromium
from playwright.sync_api import Browser
from sidecar_process import Sidecar, running
from sidecar_world import commit_all


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the module."""
    with chromium() as found:
        yield found


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[Sidecar]:
    """A sidecar of a pod that is ready."""
    commit_all(tmp_path / "home")
    with running(tmp_path / "home", steps="init-genesis,init-config") as sidecar:
        yield sidecar
