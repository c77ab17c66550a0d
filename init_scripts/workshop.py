"""Where binaries are built: a scratch directory on the volume, what git and go see there, and one build at a time."""

import contextlib
import fcntl
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from exposer.errors import TemporaryError
from init_scripts.backoff import Patience
from init_scripts.scratch import scratch
from init_scripts.tool import Tool

log = logging.getLogger(__name__)
SCRATCH = "build"
"""The name of its scratch directory."""
_LOCAL = (
    "GIT_DIR GIT_WORK_TREE GIT_IMPLICIT_WORK_TREE GIT_COMMON_DIR GIT_INDEX_FILE GIT_OBJECT_DIRECTORY"
    " GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_GRAFT_FILE GIT_SHALLOW_FILE GIT_PREFIX GIT_INTERNAL_SUPER_PREFIX"
    " GIT_NO_REPLACE_OBJECTS GIT_REPLACE_REF_BASE GIT_CONFIG"
)
OF_A_REPOSITORY = frozenset(_LOCAL.split())
"""What ``git rev-parse --local-env-vars`` lists, without the user's own settings (``GIT_CONFIG_COUNT``): whoever has
them, a git hook say, means a repository of his, and git would check the source out into that one."""


@contextlib.contextmanager
def workplace(root: Path) -> Iterator[Path]:
    """A directory on the volume that is gone afterwards, and no earlier run's."""
    with scratch(root, SCRATCH) as parent:
        yield Path(tempfile.mkdtemp(dir=parent))  # its own, so that nothing a killed run left running can write here


def environment(place: Path) -> dict[str, str]:
    """What git and go see: this step's environment without its credentials, and ``place`` for temporary files.

    Where the user has no home to write to, as in many containers, Go's caches are in ``place`` too.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in {"CODE_REPO", *OF_A_REPOSITORY}}
    temporary = place / "tmp"
    temporary.mkdir()
    result = {**inherited, "GOWORK": "off", "GOTMPDIR": str(temporary), "TMPDIR": str(temporary)}
    if not os.access(inherited.get("HOME", ""), os.W_OK):
        flags = f"{inherited.get('GOFLAGS', '')} -modcacherw".strip()  # or it could not be deleted
        result = {"GOCACHE": str(place / "cache"), "GOPATH": str(place / "go"), **result}
        result |= {"HOME": str(place), "GOFLAGS": flags}
    return result


@contextlib.contextmanager
def alone(go: Tool, patience: Patience, cwd: Path) -> Iterator[None]:
    """One build at a time with one Go cache: pods that start together compile once, and then only link.

    Raises:
        TemporaryError: another step builds until the time is up.
    """
    cache = Path(go.run("env", "GOCACHE", cwd=cwd).strip())
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "exposer.lock").open("wb") as lock:
        if not _taken(lock):
            log.info("waiting: another step builds with Go's cache %s, and compiles for this one too", cache)
        while not _taken(lock):
            if not patience.left:
                waited = f"{patience.spent:.0f} s (BUILD_TIMEOUT)"
                raise TemporaryError(f"another step has been building with Go's cache {cache} all of {waited}")
            patience.pause()
        patience.reset()
        yield


def _taken(lock: BinaryIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
