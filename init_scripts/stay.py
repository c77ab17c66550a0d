"""Staying in a container that has nothing more to do, in little memory: a pod's containers must not end."""

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_WAIT = f"import _signal, os; os._exit(128 + _signal.sigwait({[int(number) for number in _SIGNALS]}))"
"""The module below ``signal``, which would bring ``enum`` and a megabyte with it."""


def stay(sign: Path) -> NoReturn:
    """Make the file ``sign``, for a readiness probe, and become a process that waits for a signal, and exits 128 + n.

    Signals are blocked before the file is there, and stay so in the other program, which takes them one by one: none is
    lost on the way. Process 1 of a container gets only those that it asks for.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    sign.touch()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", _WAIT])  # noqa: S606 - nothing of it is input
