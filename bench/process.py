"""A server under measurement, as the kernel accounts for it."""

import contextlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

_CPUCLOCK_SCHED = 2  # include/linux/posix-timers_types.h


class Process:
    """A process with its children: what they have used, and what they take."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def cpu(self) -> float:
        """CPU seconds of all threads, user and system, those that have ended included.

        The sum of utime and stime in ``/proc/PID/stat``, but in nanoseconds instead of ticks of 10 ms: the clock that
        clock_getcpuclockid(3) tells.
        """
        return sum(time.clock_gettime(~pid << 3 | _CPUCLOCK_SCHED) for pid in self._tree())

    def memory(self) -> float:
        """Resident MiB now."""
        return self._status("VmRSS")

    def peak(self) -> float:
        """The most resident MiB since `forget_peak`."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        """Let `peak` begin anew (proc_pid_clear_refs(5))."""
        for pid in self._tree():
            Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")

    def pin(self, core: int) -> None:
        """Keep all threads on one core."""
        for pid in self._tree():
            for thread in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), {core})

    def _tree(self) -> Iterator[int]:
        waiting = [self._pid]
        while waiting:
            pid = waiting.pop()
            yield pid
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                waiting += map(int, children.read_text(encoding="ascii").split())

    def _status(self, name: str) -> float:
        found = (Path(f"/proc/{pid}/status").read_text(encoding="utf-8") for pid in self._tree())
        kib = (re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE) for text in found)
        return sum(int(match[1]) for match in kib if match) / 1024


@contextlib.contextmanager
def apart(servers: Iterable[Process]) -> Iterator[None]:
    """Keep the servers, which are measured in turns, on one core and this process on another, where there are two.

    Otherwise the scheduler's choice of whose core handles the packets is most of the spread.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        for server in servers:
            server.pin(cores[0])
        os.sched_setaffinity(0, cores[1:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
