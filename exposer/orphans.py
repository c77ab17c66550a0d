"""None are left: children that die with their parent (``PR_SET_PDEATHSIG``), and whose own it inherits (Linux)."""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

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


@contextlib.contextmanager
def running(command: Sequence[str], **options: Any) -> Iterator["subprocess.Popen[Any]"]:
    """A program in a group of its own, with the ``options`` of `subprocess.Popen`; afterwards nothing is left of it.

    Neither what it has started, in whatever group or session that is. A signal may raise an exception at any moment,
    also when the program runs and nobody here knows it yet: it ends all children of this process, which must have no
    others, and no other thread.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)  # what a child leaves behind is a child, as in a container's process 1 anyway
    process: subprocess.Popen[Any] | None = None
    try:
        process = subprocess.Popen(command, process_group=0, preexec_fn=dying_with_parent(), **options)  # noqa: PLW1509 - see above
        yield process
    finally:
        _end_children()
        if process is not None:
            with process:  # it closes its pipes, and learns that it has ended
                pass


def _end_children() -> None:
    while children := list(_children()):
        for number in children:
            os.kill(number, signal.SIGKILL)
        for number in children:
            os.waitpid(number, 0)


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
