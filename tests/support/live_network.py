"""A whole network run by the real ``exposer`` command: watched, disturbed and ended from outside, as a user could."""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import ProxyHandler, build_opener

import pytest
from waiting import LIMIT, eventually

from exposer.errors import MismatchError
from exposer.network.local.state import State
from exposer.network.local.status import status

_COMPLETE = "State, keys and logs are in"
_OPEN = build_opener(ProxyHandler({})).open  # these addresses are never behind a proxy


def get(url: str) -> bytes:
    """The body of a URL of this machine."""
    with _OPEN(url, timeout=10) as answer:
        body: bytes = answer.read()
    return body


def get_json(url: str) -> Any:
    """The JSON that a URL of this machine answers with."""
    return json.loads(get(url))


def query(network: "LiveNetwork", binary: str, *arguments: str) -> Any:
    """The JSON that ``<binary> query`` answers with when it asks the network's first node."""
    pod = network.pods()[0]
    node = pod["node"]["rpc_url"].replace("http", "tcp")
    flags = ("--node", node, "--home", str(network.home(pod["name"])), "--output", "json")
    done = subprocess.run(
        [binary, "query", *arguments, *flags], capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@dataclass(frozen=True)
class Process:
    """A process of a network as /proc shows it; its ``program`` is a step, ``exposer``, ``node`` or ``up``.

    What a step itself started, that is the chain's binary, has its arguments as its program.
    """

    pid: int
    pod: str
    program: str
    command: tuple[str, ...] = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)

    def kill(self) -> None:
        """SIGKILL, where it still runs."""
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


class LiveNetwork:
    """A network below ``directory``, with ``binaries`` and nothing but the system's programs on PATH.

    A context manager: what it leaves behind is killed, and its logs are shown where a test failed.
    """

    def __init__(self, directory: Path, *binaries: str) -> None:
        self.state = directory / "net"
        self._directory = directory
        self._output = directory / "up.txt"
        self._process: subprocess.Popen[bytes] | None = None
        on_path = directory / "bin"
        on_path.mkdir()
        for binary in binaries:
            (on_path / Path(binary).name).symlink_to(binary)
        self.environment = {
            "PATH": f"{on_path}:/usr/bin:/bin",
            "HOME": str(directory),
            "LANG": "C.UTF-8",
            "EXPOSER_STATE": str(self.state),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error:
            print(self._told())
        if self._process:
            self._process.kill()
            self._process.wait()
        while left := self.processes():
            for process in left:
                process.kill()

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "exposer", *arguments],
            env=self.environment,
            cwd=self._directory,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    def start(self, *arguments: str) -> None:
        """``exposer up`` in a session of its own."""
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "exposer", "up", *arguments],
                env=self.environment,
                cwd=self._directory,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def up(self, *arguments: str) -> list[dict[str, Any]]:
        """``exposer up`` until all is up; what its pods say then."""
        self.start(*arguments)
        eventually("the network is up", self.is_up)
        return self.pods()

    def is_up(self) -> bool:
        """Whether the summary is there; fails when ``exposer up`` has ended."""
        if self._process and self._process.poll() is not None:
            pytest.fail(f"exposer up ended with exit code {self._process.returncode}")
        return _COMPLETE in self.output()

    def output(self) -> str:
        """All that the last ``exposer up`` wrote."""
        return self._output.read_text(encoding="utf-8")

    def end(self, number: int = signal.SIGINT) -> int:
        """The exit code of ``exposer up`` after a signal, and its end; by then none of its processes may be left."""
        assert self._process is not None
        self._process.send_signal(number)
        code = self._process.wait(LIMIT)
        assert self.processes() == []
        return code

    def wait(self) -> int:
        """The exit code of an ``exposer up`` that ends by itself; by then none of its processes may be left."""
        assert self._process is not None
        code = self._process.wait(LIMIT)
        assert self.processes() == []
        return code

    def kill(self) -> None:
        """SIGKILL to the process group of ``exposer up``, until nothing of it is left."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        eventually("no process outlives exposer up", lambda: not self.processes())

    def pods(self) -> list[dict[str, Any]]:
        """What ``exposer status --json`` says; without a process, for who waits looks often."""
        said = io.StringIO()
        with contextlib.suppress(MismatchError):  # the pods are told first
            status(State(self.state), said, as_json=True)
        pods: list[dict[str, Any]] = json.loads(said.getvalue())["pods"]
        return pods

    def home(self, pod: str) -> Path:
        """The volume of a pod."""
        return self.state / pod / "home"

    def processes(self) -> list[Process]:
        """All processes that have the state directory in their command line or their environment."""
        return self._of(int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())

    def started(self) -> list[Process]:
        """``exposer up`` and what it has started, as far as it still runs: sooner there than `processes`."""
        assert self._process is not None
        return self._of(_below(self._process.pid))

    def _of(self, pids: Iterable[int]) -> list[Process]:
        return [process for process in map(self._look, pids) if process]

    def find(self, pod: str, program: str) -> Process:
        """A running program of a pod."""
        return eventually(f"{pod} runs {program}", lambda: self._find(pod, program))

    def _find(self, pod: str, program: str) -> Process | None:
        found = (process for process in self.processes() if (process.pod, process.program) == (pod, program))
        return next(found, None)

    def _look(self, pid: int) -> Process | None:
        try:
            command, environment = (
                Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace") for name in ("cmdline", "environ")
            )
            leads = os.getsid(pid) == pid
        except OSError:  # it has ended meanwhile, or is another user's
            return None
        if str(self.state) not in command + environment:
            return None
        found = re.search(rf"{re.escape(str(self.state))}/([^/\0]+)/home", f"{command}\0{environment}")
        words = tuple(command.split("\0")[:-1])
        variables = dict(entry.partition("=")[::2] for entry in environment.split("\0"))
        return Process(
            pid, found[1] if found else "", _program(words) if leads else _arguments(words), words, variables
        )

    def _told(self) -> str:
        """The ends of all logs, the output of ``exposer up`` last."""
        logs = [*sorted(self.state.rglob("*.log")), self._output]
        return "\n".join(f"--- {path}\n{_tail(path)}" for path in logs if path.is_file() and path.parent.name != "data")


def _below(pid: int) -> Iterator[int]:
    """A process and all that it has started, and those have."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            for child in task.read_text(encoding="ascii").split():
                yield from _below(int(child))


def _program(command: tuple[str, ...]) -> str:
    """What a pod's process runs, from the command line that it was started with."""
    module = command[command.index("-m") + 1] if "-m" in command else ""
    if module.startswith("init_scripts."):
        return module.partition(".")[2].replace("_", "-")
    if module == "exposer":
        return "up" if "up" in command else "exposer"
    return "node" if "start" in command else _arguments(command)


def _arguments(command: tuple[str, ...]) -> str:
    return " ".join(command[1:])


def _tail(path: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-25:])
