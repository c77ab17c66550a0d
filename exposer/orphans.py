"""None are left: a child that the kernel kills when its parent dies, however it dies (``PR_SET_PDEATHSIG``; Linux)."""

import ctypes
import os
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
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
