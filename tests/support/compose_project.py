"""A compose project on the real engine: brought up, asked and disturbed with ``docker compose``, as a user could."""

import hashlib
import itertools
import json
import os
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from live_network import get, get_json
from project import real_binary
from ruamel.yaml import YAML
from waiting import eventually

LIMIT = 300
"""Seconds that nothing here may take, on the slowest of machines."""
KILLED = 128 + 9
PORTS = {"exposer": 8081, "node": 26657}


def docker(*arguments: str, limit: float = LIMIT) -> str:
    """What docker prints; fails with its words when it fails."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=limit, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class ComposeProject:
    """A project of its own name and addresses, whatever its file says; nothing of it is published."""

    name: str
    files: Sequence[Path]
    addresses: str

    def run(self, *arguments: str, limit: float = LIMIT) -> subprocess.CompletedProcess[str]:
        """``docker compose`` with these arguments, to its end."""
        return subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True, timeout=limit, check=False
        )

    def command(self, *arguments: str) -> list[str]:
        """The command line; the directory of the first file is the project's."""
        files = [flag for file in self.files for flag in ("--file", str(file))]
        return [real_binary("docker-compose"), "--project-name", self.name, *files, "--progress", "plain", *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """That of the machine, and the project's addresses."""
        return {**os.environ, "ADDRESSES": self.addresses}

    def up(self) -> float:
        """Bring it up until all of it is healthy; the seconds that took."""
        began = time.monotonic()
        done = self.run("up", "--detach", "--wait")
        assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{self.run('logs', '--tail', '20').stdout}"
        return time.monotonic() - began

    def kill(self, service: str) -> None:
        """SIGKILL to a service that runs."""
        done = self.run("kill", "--signal", "SIGKILL", service)
        assert done.returncode == 0, done.stderr
        assert self.state(service)["ExitCode"] == KILLED

    def lose(self, pod: str) -> None:
        """Remove a pod's containers, and its volumes."""
        names = self.run("config", "--services").stdout.split()
        own = [name for name in names if name == pod or name.startswith(f"{pod}-")]
        done = self.run("rm", "--stop", "--force", *own)
        assert done.returncode == 0, done.stderr
        kept = docker("volume", "ls", "--quiet", "--filter", f"name=^{self.name}_{pod}").split()
        docker("volume", "rm", *kept)

    def kill_as_it_starts(self, service: str) -> bool:
        """Begin to bring the project up, and SIGKILL the service when it has started; whether that was in time."""
        container = f"{self.name}-{service}-1"
        watch = ["docker", "events", "--filter", f"container={container}", "--filter", "event=start"]
        up = self.command("up", "--detach")
        with ExitStack() as stack:
            events = stack.enter_context(subprocess.Popen(watch, stdout=subprocess.PIPE, text=True))
            stack.callback(events.terminate)
            coming = stack.enter_context(subprocess.Popen(up, env=self.environment, stderr=subprocess.DEVNULL))
            stack.callback(coming.terminate)  # where a gate waits for what was killed, its user would interrupt it
            assert events.stdout
            assert "start" in events.stdout.readline()
            subprocess.run(["docker", "kill", container], capture_output=True, timeout=LIMIT, check=False)
        return bool(self.state(service)["ExitCode"] == KILLED)

    def state(self, service: str) -> Any:
        """The state of a service's container as the engine tells it; empty where there is none."""
        found = self.run("ps", "--all", "--quiet", service).stdout.split()
        return json.loads(docker("inspect", "--format", "{{json .State}}", found[0])) if found else {}

    def address(self, service: str) -> str:
        """Where a running service can be reached from this machine."""
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return docker("inspect", "--format", form, *self.run("ps", "--quiet", service).stdout.split()).strip()

    def pods(self) -> list[str]:
        """The names of the pods, which are those of their nodes."""
        services = self.run("config", "--services").stdout.split()
        return sorted(name.removesuffix("-exposer") for name in services if name.endswith("-exposer"))

    def digests(self) -> set[str]:
        """The SHA-256 of each pod's genesis, as its exposer serves it."""
        bodies = [get(f"http://{self.address(f'{pod}-exposer')}:{PORTS['exposer']}/genesis") for pod in self.pods()]
        return {hashlib.sha256(body).hexdigest() for body in bodies}

    def height(self, pod: str) -> int:
        """The height of the pod's node; 0 where it does not answer."""
        return _height(self.address(pod))

    def is_going_on(self) -> None:
        """Every node makes three blocks more than the highest has now, and all of them have the same genesis."""
        addresses = {pod: self.address(pod) for pod in self.pods()}
        goal = 3 + max(map(_height, addresses.values()))
        for pod, address in addresses.items():
            eventually(f"{pod} at height {goal}", partial(_reached, address, goal))
        assert len(self.digests()) == 1


def _height(address: str) -> int:
    try:
        status = get_json(f"http://{address}:{PORTS['node']}/status")
    except OSError:
        return 0
    return int(status["result"]["sync_info"]["latest_block_height"])


def _reached(address: str, height: int) -> bool:
    return _height(address) >= height


_WORKERS = 3
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_NETWORKS = itertools.cycle(range(226 + _WORKER % _WORKERS, 244, _WORKERS))
"""Second numbers of addresses below 10 that no other project of these tests has, on so many workers."""


def _free_network() -> int:
    """The next that no network of the engine has: a run that was killed may have left some."""
    listed = docker("network", "ls", "--quiet").split()
    form = "{{range .IPAM.Config}}{{.Subnet}} {{end}}"
    command = ["docker", "network", "inspect", "--format", form, *listed]
    taken = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False).stdout  # some are gone
    return next(number for number in itertools.islice(_NETWORKS, 18) if f"10.{number}." not in taken)


@contextmanager
def compose_project(directory: Path, scratch: Path) -> Iterator[ComposeProject]:
    """The project in ``directory`` under a name of its own, and nothing of it afterwards."""
    file = directory / "compose.yaml"
    services = YAML(typ="safe", pure=True).load(file)["services"]
    quiet = "".join(f"  {name}: {{ports: !reset []}}\n" for name, service in services.items() if "ports" in service)
    override = scratch / "override.yaml"
    override.write_text(f"services:\n{quiet}", encoding="utf-8")
    # the next network, not any: two projects may be there at a time, and Docker refuses what overlaps
    project = ComposeProject(f"test-{uuid.uuid4().hex[:8]}", (file, override), f"10.{_free_network()}")
    try:
        yield project
    finally:
        project.run("kill")  # who is to go need not stop first
        project.run("down", "--volumes", "--timeout", "1")
