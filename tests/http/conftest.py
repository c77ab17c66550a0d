"""The guard around every test of the sidecar: no task and no file of it stays behind."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sidecar_world import until


@pytest.fixture(autouse=True)
async def _nothing_left() -> AsyncIterator[None]:
    """Each test ends with the tasks and the open files that it began with."""
    tasks, files = asyncio.all_tasks(), _open_files()
    yield
    left = {task for task in asyncio.all_tasks() - tasks if not task.done()} - {asyncio.current_task()}
    assert not left
    await until(lambda: _open_files() <= files)  # a look whose waiter left ends in its thread


def _open_files() -> set[str]:
    """Paths of the regular files that this process has open."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            target = descriptor.readlink()
        except FileNotFoundError:
            continue
        if target.is_file():
            found.add(str(target))
    return found
