"""A warm process that forks one child per run of a step, so that hundreds of killed runs cost milliseconds each.

Run as a program it reads one JSON line per run, ``{"step", "environment", "wait"}``, forks, prints the child's pid, and
prints its exit status when it is over. With ``wait`` the child does nothing before another line comes, so that a tracer
can attach.
"""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

STEPS = {"init-genesis": "init_scripts.init_genesis", "init-config": "init_scripts.init_config"}
MUTATING = (
    "openat,write,pwrite64,rename,renameat,renameat2,mkdir,mkdirat,link,linkat,unlink,unlinkat,rmdir,"
    "fsync,fdatasync,ftruncate,chmod,fchmod,fchmodat"
)
"""The system calls that can change a volume; between two of them it cannot change, so killing before each is
killing between any two system calls."""


class Zygote:
    """The warm process, seen from a test."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def run(self, step: str, environment: Mapping[str, str]) -> int:
        """One run of a step to its end: its exit code, negative for a signal."""
        self._send(step, environment, wait=False)
        self._read()
        return int(self._read()["status"])

    def trace(self, step: str, environment: Mapping[str, str], log: Path) -> list[tuple[str, str]]:
        """One run to its good end, traced: (system call, its line) of every call that can change a file."""
        assert self._traced(step, environment, ["-y", "-o", str(log)]) == 0
        calls = [line for line in log.read_text(errors="replace").splitlines() if "(" in line]
        return [(line.partition("(")[0].split()[-1], line) for line in calls]

    def kill(self, step: str, environment: Mapping[str, str], call: str, number: int) -> int:
        """One run that SIGKILL ends before the ``number``-th ``call``: its exit status."""
        return self._traced(step, environment, ["-o", "/dev/null", "-e", f"inject={call}:signal=SIGKILL:when={number}"])

    def close(self) -> None:
        """End the warm process."""
        self._process.communicate()

    def _traced(self, step: str, environment: Mapping[str, str], options: list[str]) -> int:
        self._send(step, environment, wait=True)
        pid = int(self._read()["pid"])
        command = ["strace", "-p", str(pid), "-e", f"trace={MUTATING}", *options]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
            assert tracer.stderr is not None
            attached = tracer.stderr.readline()
            assert "attached" in attached, attached
            self._send_line("go")
            status = int(self._read()["status"])
            tracer.stderr.read()
        return status

    def _send(self, step: str, environment: Mapping[str, str], *, wait: bool) -> None:
        self._send_line(json.dumps({"step": step, "environment": environment, "wait": wait}))

    def _send_line(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def zygote() -> Iterator[Zygote]:
    """A warm process for the time of a test."""
    warm = Zygote()
    try:
        yield warm
    finally:
        warm.close()


def _child(step: str, environment: Mapping[str, str], gate: int) -> int:
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    os.read(gate, 1)  # until whoever traces this process is there
    return int(importlib.import_module(STEPS[step]).main([]))


def _serve() -> None:
    for module in STEPS.values():
        importlib.import_module(module)
    while line := sys.stdin.readline():
        order = json.loads(line)
        gate, opener = os.pipe()
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                code = _child(order["step"], order["environment"], gate)
            finally:
                os._exit(code)
        print(json.dumps({"pid": pid}), flush=True)
        if order["wait"]:
            sys.stdin.readline()
        os.write(opener, b"x")
        os.close(gate)
        os.close(opener)
        _, status = os.waitpid(pid, 0)
        print(json.dumps({"status": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    _serve()
