"""A warm process that forks one child per run of a step, so that hundreds of killed runs cost milliseconds each.

Run as a program it reads one JSON line per run, ``{"step", "environment", "wait", "log"}``, forks, prints the child's
pid, and prints its exit status when it is over. With ``wait`` the child does nothing before another line comes, so that
a tracer can attach. What the child says goes to the file ``log``.
``MUTATION`` in its environment breaks the transaction in one way (`mutations`): a test shows that this is noticed.
"""

import importlib
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mutations import MUTATIONS  # here, so that no child opens a file for it, which the tracer would count

MUTATING = (
    "openat,write,pwrite64,rename,renameat,renameat2,mkdir,mkdirat,link,linkat,unlink,unlinkat,rmdir,"
    "fsync,fdatasync,syncfs,ftruncate,chmod,fchmod,fchmodat"
)
"""The system calls that can change a volume; between two of them it cannot change, so killing before each is
killing between any two system calls."""
READING = "read,pread64,getdents64,newfstatat,statx"
"""Those that only look at it, and can fail as well."""


class Zygote:
    """The warm process, seen from a test."""

    def __init__(self, prefix: Sequence[str] = ()) -> None:
        self._process = subprocess.Popen(
            [*prefix, sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def run(self, step: str, environment: Mapping[str, str], log: Path | None = None) -> int:
        """One run of a step to its end: its exit code, negative for a signal; what it says goes to ``log``."""
        self._send(step, environment, wait=False, log=log)
        self._read()
        return int(self._read()["status"])

    def trace(
        self, step: str, environment: Mapping[str, str], log: Path, calls: str = MUTATING
    ) -> list[tuple[str, str]]:
        """One run to its good end, traced: (system call, its line) of every one of ``calls``."""
        assert self._traced(step, environment, ["-y", "-o", str(log), "-e", f"trace={calls}"]) == 0
        lines = [line for line in log.read_text(errors="replace").splitlines() if "(" in line]
        return [(line.partition("(")[0].split()[-1], line) for line in lines]

    def kill(self, step: str, environment: Mapping[str, str], call: str, number: int) -> int:
        """One run that SIGKILL ends before the ``number``-th ``call``: its exit status."""
        inject = f"inject={call}:signal=SIGKILL:when={number}"
        return self._traced(step, environment, ["-o", "/dev/null", "-e", f"trace={call}", "-e", inject])

    def fail(
        self,
        step: str,
        environment: Mapping[str, str],
        call: str,
        error: str,
        when: str,
        log: Path,
        *,
        all_of_it: bool = False,
    ) -> int:
        """One run in which those of ``call`` fail with ``error`` that ``when`` names, as strace counts: its status.

        What it says goes to ``log``. ``all_of_it``: in every thread and process of the run, each counted for itself.
        """
        inject = f"inject={call}:error={error}:when={when}"
        forks = ["-f"] if all_of_it else []
        return self._traced(step, environment, [*forks, "-o", "/dev/null", "-e", f"trace={call}", "-e", inject], log)

    def record(self, step: str, environment: Mapping[str, str], trace: Path, log: Path) -> int:
        """One run: its exit status; all that it and its programs start and write goes to ``trace``, in hex."""
        options = ["-f", "-y", "-xx", "-v", "-s", "100000000", "-e", "trace=execve,write,pwrite64,writev"]
        return self._traced(step, environment, [*options, "-o", str(trace)], log)

    def close(self) -> None:
        """End the warm process."""
        self._process.communicate()

    def _traced(self, step: str, environment: Mapping[str, str], options: list[str], log: Path | None = None) -> int:
        self._send(step, environment, wait=True, log=log)
        pid = int(self._read()["pid"])
        command = ["strace", "-p", str(pid), *options]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
            assert tracer.stderr is not None
            attached = tracer.stderr.readline()
            assert "attached" in attached, attached
            self._send_line("go")
            status = int(self._read()["status"])
            tracer.stderr.read()
        return status

    def _send(self, step: str, environment: Mapping[str, str], *, wait: bool, log: Path | None) -> None:
        order = {"step": step, "environment": environment, "wait": wait, "log": str(log or os.devnull)}
        self._send_line(json.dumps(order))

    def _send_line(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def zygote(prefix: Sequence[str] = ()) -> Iterator[Zygote]:
    """A warm process for the time of a test, started by the command ``prefix`` where there is one."""
    warm = Zygote(prefix)
    try:
        yield warm
    finally:
        warm.close()


def _child(step: str, environment: Mapping[str, str], log: str, gate: int) -> int:
    told = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # this is no call of the step's
    # Until whoever traces this process is there; by a call that nobody counts, and before all others.
    select.select([gate], [], [])
    os.environ.update(environment)
    if broken := os.environ.pop("MUTATION", ""):
        MUTATIONS[broken]()
    os.dup2(told, 2)
    return int(_module(step).main([]))


def _module(step: str) -> Any:
    return importlib.import_module(f"init_scripts.{step.replace('-', '_')}")


def _serve() -> None:
    while line := sys.stdin.readline():
        order = json.loads(line)
        _module(order["step"])  # here, so that all later children have it
        gate, opener = os.pipe()
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                code = _child(order["step"], order["environment"], order["log"], gate)
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
