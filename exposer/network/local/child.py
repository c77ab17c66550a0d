"""One process of a pod: started in a session of its own, with its output in its log, and never left behind.

Two things see to it that no process outlives ``exposer up``: the kernel kills each child when its parent dies
(``PR_SET_PDEATHSIG``), and every child carries the state directory in its environment, by which
`exposer.network.local.leftovers` finds it and its own children later. Linux only.
"""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exposer.network.local import ports
from exposer.network.local.leftovers import MARK
from exposer.orphans import dying_with_parent

_INHERITED = (
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)
_BUILDING = re.compile(
    r"GO[A-Z0-9]+|CGO_\w+|CC|CXX|(HTTPS?|NO|ALL)_PROXY|GIT_(SSH|SSL|CONFIG)\w*|SSH_AUTH_SOCK|XDG_\w+", re.IGNORECASE
)
"""What git and go know of this machine: Go's caches and proxies above all, which make a second build a short one."""


@dataclass(frozen=True)
class Program:
    """What a process is to run, by its pod and its name (a step's, ``exposer``, ``node`` or ``faucet``).

    ``port`` is bound and handed over as ``--fd N`` where the program wants its socket. ``documented`` says whether its
    exit codes are those of `exposer.errors`; a chain binary's are not. ``ends`` is its turn when all end.
    """

    pod: str
    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    port: int | None = None
    documented: bool = True
    ends: int = 0


def inherited_environment(state: Path) -> dict[str, str]:
    """What a pod's process sees of the user's environment: enough to run, nothing that could change the network."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return kept | {"PYTHONPATH": str(Path(__file__).parents[2]), MARK: str(state)}


def building_environment() -> dict[str, str]:
    """What a step that builds sees besides."""
    return {name: value for name, value in os.environ.items() if _BUILDING.fullmatch(name)}


class Child:
    """A running process; it leads its own session, so a signal for it reaches its children too."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._pidfd = os.pidfd_open(process.pid)

    @classmethod
    def start(cls, program: Program) -> "Child":
        """Start ``program``; raises OSError when its command cannot be run."""
        with contextlib.ExitStack() as stack:
            log = stack.enter_context(program.log.open("ab"))
            command = program.command
            handed: tuple[int, ...] = ()
            if program.port is not None:
                descriptor = stack.enter_context(ports.bind(program.port)).fileno()
                command, handed = (*command, "--fd", str(descriptor)), (descriptor,)
            process = subprocess.Popen(
                command,
                env=program.environment,
                cwd=program.log.parents[1],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=handed,
                preexec_fn=dying_with_parent(),  # noqa: PLW1509 - this process has no threads
            )
        return cls(process)

    async def wait(self) -> int:
        """The exit code as a shell counts it, 128 + n for signal n; what the process left running is killed."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_reader(self._pidfd, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self._pidfd)
        self.signal(signal.SIGKILL)  # before it is reaped: until then its number cannot be another group's
        code = self._process.wait()
        os.close(self._pidfd)
        return 128 - code if code < 0 else code

    def signal(self, number: int) -> None:
        """Send a signal to the process and its children; nothing happens when they have ended."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
