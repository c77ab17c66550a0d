"""Pods of one chain as an orchestrator runs them: each has steps, a sidecar and a node, and can lose its volume."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from live_network import get_json
from step_process import run
from waiting import LIMIT, eventually

from exposer.errors import ExitCode

_FIRST, _STEP = 21000, 20
"""Ports of the first pod, and how far the next one's are; each worker has a network of its own."""


@dataclass
class LonePod:
    """One pod: ``number`` 0 is the genesis pod. ``command`` starts its node, but for the home."""

    number: int
    directory: Path
    command: Sequence[str]
    shared: Mapping[str, str]
    running: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """The pod's volume."""
        return self.directory / f"pod-{self.number}"

    @property
    def log(self) -> Path:
        """All that its nodes have written; it outlives the volume."""
        return self.directory / f"pod-{self.number}.log"

    def port(self, place: int) -> int:
        """A port of the pod: 0 its exposer, 1 p2p, 2 RPC."""
        return _FIRST + self.number * _STEP + place

    @property
    def exposer(self) -> str:
        """Where its sidecar answers."""
        return f"127.0.0.1:{self.port(0)}"

    @property
    def environment(self) -> dict[str, str]:
        """That of its steps."""
        names = ("P2P", "RPC", "REST", "GRPC", "GRPC_WEB", "JSON_RPC", "WS", "JSON_RPC_METRICS", "METRICS")
        ports = {f"{name}_PORT": str(self.port(place)) for place, name in enumerate(names, start=1)}
        own = {
            "CHAIN_DIR": str(self.home),
            "HOSTNAME": f"lone-validator-{self.number - 1}" if self.number else "lone-genesis-0",
            "HOME": str(self.directory),
            "BIND_HOST": "127.0.0.1",
            "EXTERNAL_ADDRESS": f"127.0.0.1:{self.port(1)}",
            **ports,
        }
        if self.number:
            first = LonePod(0, self.directory, (), {})
            own |= {"GENESIS_HOST": "127.0.0.1", "GENESIS_PORT": str(first.port(0))}
            own |= {"GENESIS_P2P_PORT": str(first.port(1))}
        return {**self.shared, **own}

    def sidecar(self) -> None:
        """Start its exposer; it answers from then on."""
        told = {
            "EXPOSER_HOME": str(self.home),
            "EXPOSER_HOST": "127.0.0.1",
            "EXPOSER_HTTP_PORT": str(self.port(0)),
            "EXPOSER_STATUS_URL": f"http://127.0.0.1:{self.port(2)}",
        }
        self.home.mkdir(exist_ok=True)
        self._start([sys.executable, "-m", "exposer", "serve"], {"PATH": os.environ["PATH"], **told})
        eventually("the sidecar answers", lambda: self.answers(f"http://{self.exposer}/livez"))

    def init(self) -> subprocess.CompletedProcess[str]:
        """Its steps in their order; the first that fails, or the last."""
        done = run("init_validator" if self.number else "init_genesis", self.environment)
        return done if done.returncode else run("init_config", self.environment)

    def refused(self, **more: str) -> str:
        """What its first step says, with these variables, that has to be tried again."""
        if not self.running:
            self.sidecar()
        done = run("init_validator" if self.number else "init_genesis", {**self.environment, **more})
        assert done.returncode == ExitCode.TEMPORARY, done.stderr
        return done.stderr

    def start(self) -> None:
        """Run its steps, beside its sidecar, and start its node."""
        if not self.running:
            self.sidecar()
        done = self.init()
        assert done.returncode == 0, done.stderr
        self.node()

    def node(self) -> None:
        """Start its node."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.directory)}
        self._start([*self.command, "--home", str(self.home)], environment)

    def kill(self) -> None:
        """SIGKILL to all that runs in it."""
        for process in self.running:
            process.kill()
            process.wait(LIMIT)
        self.running.clear()

    def lose(self) -> None:
        """Kill it, and delete its volume."""
        self.kill()
        shutil.rmtree(self.home)

    @property
    def height(self) -> int:
        """The newest block of its node; 0 while that does not answer."""
        try:
            return int(self.rpc("status")["sync_info"]["latest_block_height"])
        except OSError:
            return 0

    def rpc(self, call: str) -> Any:
        """The result of a call to its node's RPC."""
        return get_json(f"http://127.0.0.1:{self.port(2)}/{call}")["result"]

    def identity(self) -> Any:
        """What its exposer says of its network."""
        return get_json(f"http://{self.exposer}/identity")

    @staticmethod
    def answers(url: str) -> bool:
        """Whether a URL has an answer."""
        with suppress(OSError):
            get_json(url)
            return True
        return False

    def _start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        with self.log.open("ab") as log:
            self.running.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))


@contextmanager
def lone_pods(
    count: int, directory: Path, command: Sequence[str], shared: Mapping[str, str]
) -> Iterator[list[LonePod]]:
    """``count`` pods of one chain, of which the sidecars run; their logs are shown where the test fails."""
    exposers = ",".join(LonePod(number, directory, (), {}).exposer for number in range(count))
    told = {**shared, "NUM_VALIDATORS": str(count), "PEER_EXPOSERS": exposers}
    pods = [LonePod(number, directory, command, told) for number in range(count)]
    try:
        for pod in pods:
            pod.sidecar()
        yield pods
    except BaseException:  # pytest.fail is no Exception
        for pod in pods:
            if pod.log.exists():
                print(f"--- {pod.log.name}\n" + "".join(pod.log.read_text(errors="replace").splitlines(True)[-40:]))
        raise
    finally:
        for pod in pods:
            pod.kill()
