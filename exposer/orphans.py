"""None are left: children that die with their parent (``PR_SET_PDEATHSIG``), and whose own it inherits (Linux)."""

import contextlib
import ctypes
import os
import select
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

_LONGEST = 10.0  # seconds that a killed process may take to be gone
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # <linux/prctl.h>
_prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up here: nothing may be imported between fork and exec


def dying_with_parent() -> Callable[[], None]:
    """A ``preexec_fn`` for children of this process; what such a child starts itself is not covered.

    It is one system call, and safe where no other thread runs. It is the calling thread that must not end before.
    """
    parent = os.getpid()

    def ask_kernel() -> None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return ask_kernel


def inherit_orphans() -> None:
    """Make this process the parent of what its children leave behind, as process 1 of a container is anyway."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_children() -> None:
    """Kill this process's children and what they leave behind, whatever group or session it is in; none is left after.

    To be called where `inherit_orphans` was, and nobody waits for a child. Another user's are left to themselves.
    """
    refused: set[int] = set()
    while _has_children() and (children := set(_children()) - refused):
        for number in children:
            try:
                os.kill(number, signal.SIGKILL)
            except PermissionError:
                refused.add(number)
        for number in children - refused:
            os.waitpid(number, 0)


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _children() -> Iterator[int]:
    """By proc(5), which lists them by themselves on some kernels only."""
    own = os.getpid()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            if int(path.read_bytes().rpartition(b")")[2].split()[1]) == own:
                yield int(path.parent.name)


def end_holders(lock: Path) -> bool:
    """Kill the processes that hold an flock(2) of the file ``lock``; whether there was one, and all are gone."""
    found = False
    for directory in Path("/proc").glob("[0-9]*/fdinfo"):
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            process = os.pidfd_open(int(directory.parent.name))
            try:
                if any(_is_held(path, lock) for path in directory.iterdir()):
                    found = True
                    signal.pidfd_send_signal(process, signal.SIGKILL)
                    if not select.select([process], [], [], _LONGEST)[0]:
                        return False
            finally:
                os.close(process)
    return found


def _is_held(info: Path, lock: Path) -> bool:
    """By the descriptor that ``info`` of proc(5) is about; who only reads the file, a backup say, does not hold it."""
    with contextlib.suppress(OSError):
        return (info.parent.parent / "fd" / info.name).samefile(lock) and b"FLOCK" in info.read_bytes()
    return False
