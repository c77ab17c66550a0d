"""A control group with a limit of memory, for a process that a test starts."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_V1, _V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class ControlGroup:
    """``prefix`` is what a command begins with to run in it; the files are those of cgroup v1 or v2."""

    path: Path

    @property
    def prefix(self) -> tuple[str, ...]:
        """Enter it, then become the command."""
        return ("sh", "-c", f'echo $$ > {self.path}/cgroup.procs && exec "$@"', "sh")

    @property
    def most(self) -> int:
        """Bytes that its processes, and the kernel for their connections, had at most."""
        peak = self.path / "memory.peak"
        if peak.exists():
            return int(peak.read_text())
        names = ("memory.max_usage_in_bytes", "memory.kmem.tcp.max_usage_in_bytes")
        return sum(int((self.path / name).read_text()) for name in names)


@contextlib.contextmanager
def memory_of(size: int) -> Iterator[ControlGroup]:
    """A group that may have ``size`` bytes; skips where none can be made."""
    top = _V1 if _V1.is_dir() else _V2
    group = top / f"exposer-test-{os.getpid()}"
    try:
        group.mkdir()
        for name in ("memory.limit_in_bytes", "memory.kmem.tcp.limit_in_bytes") if top == _V1 else ("memory.max",):
            (group / name).write_text(str(size))
    except OSError as error:
        with contextlib.suppress(OSError):
            group.rmdir()
        pytest.skip(f"no control group with a limit of memory: {error}")
    try:
        yield ControlGroup(group)
    finally:
        group.rmdir()
