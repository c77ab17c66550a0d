"""The processes of a network on this machine, however they came to be without ``exposer up``: found, and killed."""

import os
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from exposer.errors import TemporaryError

MARK = "NETWORK_STATE"
"""The variable that says which network a process belongs to."""
KILL_TIME = 10.0
"""Seconds for SIGKILL to work; what is still there then is stuck in the kernel."""


def leftovers(state: Path) -> Iterator[int]:
    """Process ids of this network's processes, however they came to be without ``exposer up``."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and _belongs(int(entry.name), state):
            yield int(entry.name)


def kill_leftovers(state: Path, *, within: float = KILL_TIME) -> int:
    """Kill what an ``exposer up`` that was killed itself left running; how many there were.

    Raises:
        TemporaryError: after ``within`` seconds some are still there; the message has their ids.
    """
    killed: set[int] = set()
    limit = time.monotonic() + within
    while found := list(leftovers(state)):  # again: one may have started another
        if time.monotonic() > limit:
            raise TemporaryError(
                f"{state}: SIGKILL did not end the processes {', '.join(map(str, found))} of this network within "
                f"{within:g} s: they are stuck in the kernel; try again when they are gone"
            )
        killed.update(pid for pid in found if _kill(pid, state, limit))
    return len(killed)


def _belongs(pid: int, state: Path) -> bool:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        mark = f"{MARK}=".encode()
        given = next((Path(os.fsdecode(one.removeprefix(mark))) for one in variables if one.startswith(mark)), None)
        return given is not None and (given == state or given.samefile(state))
    except OSError:  # it ended, or is another user's; or one of the directories is gone
        return False


def _kill(pid: int, state: Path, limit: float) -> bool:
    """Kill ``pid`` and wait for its end until ``limit``; False where it is no process of this network any more."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if not _belongs(pid, state):
            return False
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        select.select([descriptor], [], [], max(0.0, limit - time.monotonic()))
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True
