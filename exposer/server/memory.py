"""The memory of this process: what its control group allows, and giving back what a crowd has left behind."""

import asyncio
import contextlib
import ctypes
import gc
from collections.abc import Iterator
from pathlib import Path

from uvicorn.server import ServerState

_CROWD = 64  # connections; what fewer of them leave behind is used again
_QUIET = 1.0  # seconds after a crowd has left


def memory_limit(root: Path = Path("/")) -> int | None:
    """Bytes that the control group of this process may have: the least of its own limit and of those above it.

    None where there is no limit. Sources: the kernel's ``admin-guide/cgroup-v2.rst`` (``memory.max``) and
    ``admin-guide/cgroup-v1/memory.rst`` (``hierarchical_memory_limit``). ``root`` is where ``/proc`` and ``/sys`` are.
    """
    return min(_limits(root), default=None)


def _limits(root: Path) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                groups, name = root / "sys/fs/cgroup", "memory.max"
            elif "memory" in controllers.split(","):
                groups, name = root / "sys/fs/cgroup/memory", "memory.stat"
            else:
                continue
            own = groups / path.lstrip("/")
            # A container may see its own group as the top, and its path as that of the host.
            for group in [own, *own.parents[: len(own.parts) - len(groups.parts)], groups]:
                yield from _read(group / name)


def _read(file: Path) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for line in file.read_text(encoding="ascii").splitlines():
            words = line.split()
            if len(words) == 1 or words[0] == "hierarchical_memory_limit":
                with contextlib.suppress(ValueError):  # "max"
                    yield int(words[-1])


class Ebb:
    """Told when clients come and leave; once most of a crowd has left, its memory goes back to the system.

    What pymalloc holds stays for the most part, since a few objects that live on keep its arenas: with
    ``PYTHONMALLOC=malloc`` nearly all of it goes.
    """

    def __init__(self) -> None:
        self._most = 0
        self._timer: asyncio.TimerHandle | None = None

    def tell(self, state: ServerState) -> None:
        """So many connections are there now, and tasks of theirs."""
        now = _size(state)
        self._most = max(self._most, now)
        if self._timer is None and self._most >= _CROWD and now <= self._most // 2:
            self._wait(state, now)

    def _wait(self, state: ServerState, now: int) -> None:
        self._timer = asyncio.get_running_loop().call_later(_QUIET, self._give_back, state, now)

    def _give_back(self, state: ServerState, before: int) -> None:
        now = _size(state)
        if now < before or len(state.tasks) > len(state.connections):
            self._wait(state, now)  # they are still leaving
            return
        self._timer, self._most = None, now
        gc.collect()
        if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # the C library of Alpine has none
            trim(0)


def _size(state: ServerState) -> int:
    return len(state.connections) + len(state.tasks)
