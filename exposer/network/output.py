"""Logs on stdout: bytes as they are, until whoever reads them has seen enough."""

import os
import sys
from collections.abc import Iterable


def write_log(chunks: Iterable[bytes]) -> None:
    """Write and flush each of ``chunks``; returns early where nobody reads any more, as in ``| head``."""
    try:
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the interpreter's end
