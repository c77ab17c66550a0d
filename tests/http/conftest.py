"""The guard around every test of the sidecar: no task and no file of it stays behind."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from inotify_simple import INotify
from waiting import until

from exposer.server.description import DescribedAPI


@pytest.fixture(autouse=True, scope="session")
def _libraries_have_begun() -> None:
    """What a library does once in a process is done before any test: inotify_simple asks ldconfig for the C library."""
    INotify().close()


@pytest.fixture(autouse=True, scope="session")
def _one_document_for_all() -> Iterator[None]:
    """The OpenAPI document follows from who may ask, and takes 40 ms to make: not once for each of 1,000 sidecars."""
    documents: dict[tuple[bool, bool], dict[str, Any]] = {}
    make = DescribedAPI.openapi

    def openapi(app: DescribedAPI) -> dict[str, Any]:
        access = app.access.needs_token, app.access.needs_certificate
        if access not in documents:
            documents[access] = make(app)
        return documents[access]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DescribedAPI, "openapi", openapi)
        yield


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
