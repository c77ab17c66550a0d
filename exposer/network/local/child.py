"""One process of a pod: started in a session of its own, with its output in its log, and never left behind.

Two things see to it that no process outlives ``exposer up``: the kernel kills each child when its parent dies
(``PR_SET_PDEATHSIG``), and every child carries the state directory in its environment, by which `leftovers` finds
it and its own children later. Linux only.
"""

import asyncio
import contextlib
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exposer.errors import TemporaryError
from exposer.network.local import ports
from exposer.orphans import dying_with_parent

MARK = "NETWORK_STATE"
"""The variable that says which network a process belongs to."""
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
KILL_TIME = 10.0
"""Seconds for SIGKILL to work; what is still there then is stuck in the kernel."""


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


def leftovers(state: Path) -> Iterator[int]:
    """Process ids of this network's processes, however they came to be without ``exposer up``."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and _belongs(int(entry.name), state):
            yield int(entry.name)


def kill_leftovers(state: Path, *, within: float = KILL_TIME) -> int:
    """Kill what an ``exposer up`` that was killed itself left running; how many there were.

    Raises:
        TemporaryError: after ``within`` seconds some are still there; the message has their ids.
    """
    killed: set[int] = set()
    limit = time.monotonic() + within
    while found := list(leftovers(state)):  # again: one may have started another
        if time.monotonic() > limit:
            raise TemporaryError(
                f"{state}: SIGKILL did not end the processes {', '.join(map(str, found))} of this network within "
                f"{within:g} s: they are stuck in the kernel; try again when they are gone"
            )
        killed.update(pid for pid in found if _kill(pid, state, limit))
    return len(killed)


def _belongs(pid: int, state: Path) -> bool:
    try:
        return f"{MARK}={state}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # it ended, or is another user's
        return False


def _kill(pid: int, state: Path, limit: float) -> bool:
    """Kill ``pid`` and wait for its end until ``limit``; False where it is no process of this network any more."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if not _belongs(pid, state):
            return False
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        select.select([descriptor], [], [], max(0.0, limit - time.monotonic()))
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True
