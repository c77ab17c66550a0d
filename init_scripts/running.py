"""A program that a step runs: neither it nor what it has started is left, at whatever moment a signal ends the step."""

import subprocess
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from exposer.orphans import dying_with_parent, end_children, inherit_orphans
from init_scripts.interrupts import hold, release

T = TypeVar("T")
Process = subprocess.Popen[Any]


def run_whole(command: Sequence[str], use: Callable[[Process], T], **options: Any) -> T:
    """What ``use`` returns of the program, which leads a group of its own; ``options`` are those of `subprocess.Popen`.

    Afterwards no child of this process is there, in whatever group or session: it must have no others. Signals wait
    but for the time of ``use``, or one could come when the program runs and nobody here knows of it yet.
    """
    inherit_orphans()
    process: Process | None = None
    hold()
    try:
        # a step's other threads, if any, only wait for the network: none holds a lock that the child would need
        process = subprocess.Popen(command, process_group=0, preexec_fn=dying_with_parent(), **options)  # noqa: PLW1509
        try:
            release()
            return use(process)
        finally:
            hold()
    finally:
        end_children()
        if process is not None:
            with process:  # it closes its pipes, and learns that it has ended
                pass
        release()
