"""A network on the cluster that KUBECONFIG names: applied, asked and disturbed with kubectl, as a user could."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from live_network import get, get_json

LIMIT = 150
"""Seconds that nothing here may take, on the slowest of machines."""
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
GATE = "wait-for-chains"
T = TypeVar("T")
Pods = Mapping[str, Any]
"""The pods of a namespace as the cluster tells them, by name."""


def kubectl(*arguments: str, text: str | None = None, limit: float = LIMIT) -> subprocess.CompletedProcess[str]:
    """What kubectl says; fails with its words when it fails."""
    command = ["kubectl", *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=limit, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done


def is_ready(pod: Any) -> bool:
    """Whether a pod is ready and is not being deleted."""
    conditions = {one["type"]: one["status"] for one in pod.get("status", {}).get("conditions", [])}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def statuses(pod: Any) -> dict[str, Any]:
    """What the cluster says of each container of a pod, by name."""
    status = pod.get("status", {})
    known = (*status.get("initContainerStatuses", []), *status.get("containerStatuses", []))
    return {one["name"]: one for one in known}


def took(status: Any) -> float:
    """Seconds that a container ran that has ended, as whole as the cluster tells them."""
    ended = status["state"]["terminated"]
    began, end = (datetime.fromisoformat(ended[name]) for name in ("startedAt", "finishedAt"))
    return (end - began).total_seconds()


@dataclass(frozen=True)
class Tip:
    """What the node of a pod says of itself."""

    height: int
    catching_up: bool


@dataclass(frozen=True)
class LiveCluster:
    """One namespace of the cluster, and the network in it."""

    namespace: str

    def kubectl(self, *arguments: str, text: str | None = None, limit: float = LIMIT) -> str:
        """What kubectl prints for this namespace."""
        return kubectl("--namespace", self.namespace, *arguments, text=text, limit=limit).stdout

    def find(self, *arguments: str) -> list[Any]:
        """The objects that ``kubectl get`` finds."""
        found: list[Any] = json.loads(self.kubectl("get", *arguments, "--output", "json"))["items"]
        return found

    def pods(self) -> dict[str, Any]:
        """All pods as they are now."""
        return {pod["metadata"]["name"]: pod for pod in self.find("pods")}

    def apply(self, directory: Path) -> float:
        """Apply a kustomization; the monotonic time before. A word of warning from the cluster fails."""
        began = time.monotonic()
        said = kubectl("--namespace", self.namespace, "apply", "--kustomize", str(directory))
        assert said.stderr == ""
        return began

    def until(self, what: str, seen: Callable[[Pods], T | None], *, limit: int = LIMIT) -> T:
        """The first thing that ``seen`` finds in the pods, which it is shown at each change; fails without any."""
        path = f"/api/v1/namespaces/{self.namespace}/pods?watch=true&timeoutSeconds={limit}"
        pods: dict[str, Any] = {}
        with subprocess.Popen(["kubectl", "get", "--raw", path], stdout=subprocess.PIPE, text=True) as watch:
            assert watch.stdout is not None
            try:
                for line in watch.stdout:
                    event = json.loads(line)
                    pod = event["object"]
                    pods[pod["metadata"]["name"]] = pod
                    if event["type"] == "DELETED":
                        del pods[pod["metadata"]["name"]]
                    if found := seen(pods):
                        return found
            finally:
                watch.kill()
        return pytest.fail(f"in {limit} s it never came to this: {what}")

    def ready(self, names: Sequence[str], *, without: Sequence[str] = (), limit: int = LIMIT) -> dict[str, Any]:
        """The pods, once all of ``names`` are ready, in whatever incarnation but those of the uids ``without``."""

        def all_ready(pods: Pods) -> dict[str, Any] | None:
            found = {name: pods[name] for name in names if name in pods and is_ready(pods[name])}
            anew = not any(pod["metadata"]["uid"] in without for pod in found.values())
            return found if len(found) == len(names) and anew else None

        return self.until(f"{', '.join(names)} are ready", all_ready, limit=limit)

    def delete_pod(self, name: str) -> str:
        """Delete a pod and return its uid at once; its controller makes another."""
        uid: str = self.pods()[name]["metadata"]["uid"]
        self.kubectl("delete", "pod", name, "--wait=false")
        return uid

    def execute(self, pod: str, container: str, *command: str) -> str:
        """What a command prints inside a container."""
        return self.kubectl("exec", pod, "--container", container, "--", *command)

    def kill(self, pod: str, container: str) -> None:
        """SIGKILL to all processes of a container, from outside, as the kernel kills them when memory runs out."""
        identity = statuses(self.pods()[pod])[container]["containerID"].rpartition("/")[2]
        killed = [number for number in _numbers() if identity in _group(number)]
        if not killed:
            pytest.skip("the cluster's nodes are not on this machine: no process of theirs can be killed")
        for number in killed:
            os.kill(number, signal.SIGKILL)

    @contextmanager
    def forwarded(self, pod: str, *ports: int) -> Iterator[list[str]]:
        """URLs of ports of a pod, for as long as it takes; policies between pods do not matter to it."""
        ask = [f":{port}" for port in ports]
        command = ["kubectl", "--namespace", self.namespace, "port-forward", "--address", "127.0.0.1", f"pod/{pod}"]
        with subprocess.Popen([*command, *ask], stdout=subprocess.PIPE, text=True) as forward:
            assert forward.stdout is not None
            try:
                lines = [forward.stdout.readline() for _ in ports]
                found = [re.match(r"Forwarding from (127\.0\.0\.1:\d+) -> ", line) for line in lines]
                yield [f"http://{one[1]}" for one in found if one]
            finally:
                forward.kill()

    def digest(self, pod: str) -> str:
        """SHA-256 of what the pod's exposer serves as the genesis."""
        with self.forwarded(pod, 8081) as (exposer,):
            return hashlib.sha256(get(f"{exposer}/genesis")).hexdigest()

    def keys(self, pod: str) -> Any:
        """The public halves of a pod's keys, as its exposer tells them."""
        with self.forwarded(pod, 8081) as (exposer,):
            return get_json(f"{exposer}/keys")

    def tip(self, pod: str) -> Tip:
        """How far the pod's node is."""
        with self.forwarded(pod, 26657) as (rpc,):
            sync = get_json(f"{rpc}/status")["result"]["sync_info"]
        return Tip(int(sync["latest_block_height"]), sync["catching_up"])

    def reaches(self, pod: str, height: int) -> None:
        """Return once the pod's node has a height; the gate in its exposer's image waits for it."""
        self.execute(pod, "exposer", GATE, "--for", f"height:{height}", "--timeout", f"{LIMIT}s", "127.0.0.1:26657")

    def agree(self, names: Sequence[str]) -> tuple[str, int]:
        """Digest and height, once all pods serve one genesis and are past the height that the first of them has now."""
        digests = {name: self.digest(name) for name in names}
        assert len(set(digests.values())) == 1, digests
        height = self.tip(names[0]).height + 2
        for name in names:
            self.reaches(name, height)
            assert not self.tip(name).catching_up
        return digests[names[0]], height

    def signs(self, pod: str, witness: str) -> int:
        """The first height from now on at which another pod's node has the pod's signature.

        A chain that goes on without the pod waits for its vote no longer than for the next block: on a machine that is
        busy its node takes a while to be in time, so the time is limited, and not the number of blocks.
        """
        address = self.keys(pod)["validator_address"]
        height = first = self.tip(witness).height
        ends = time.monotonic() + LIMIT
        while time.monotonic() < ends:
            self.reaches(witness, height + 1)
            with self.forwarded(witness, 26657) as (rpc,):
                commit = get_json(f"{rpc}/commit?height={height}")["result"]["signed_header"]["commit"]
            if any(one["validator_address"] == address and one["block_id_flag"] == 2 for one in commit["signatures"]):
                return height
            height += 1
        return pytest.fail(f"{pod} signed none of the blocks {first} to {height}")

    def query(self, pod: str, *arguments: str) -> Any:
        """The JSON that ``simd query`` answers with beside a pod's node."""
        return json.loads(
            self.execute(pod, "node", "simd", "query", *arguments, "--home", "/chain", "--output", "json")
        )

    def bonded(self, pod: str) -> set[str]:
        """The names of the validators that are bonded, as the chain says in a pod."""
        known = self.query(pod, "staking", "validators")["validators"]
        return {one["description"]["moniker"] for one in known if one["status"] == "BOND_STATUS_BONDED"}

    def gates(self, pods: Pods) -> dict[str, float]:
        """Seconds that each pod's gate ran, as whole as the cluster tells them."""
        ends = {name: statuses(pod).get(GATE, {}) for name, pod in pods.items()}
        return {name: took(status) for name, status in ends.items() if "terminated" in status.get("state", {})}

    def story(self) -> str:
        """Everything that tells why something is not as it should be."""
        asked: list[list[str]] = [["get", "all", "--output", "wide"], ["describe", "pods"]]
        asked += [["events", "--types=Warning"]]
        for name, pod in self.pods().items():
            asked += [["logs", name, "--container", container, "--tail", "200"] for container in statuses(pod)]
        return "\n\n".join(f"$ kubectl {' '.join(arguments)}\n{self._said(arguments)}" for arguments in asked)

    def _said(self, arguments: Sequence[str]) -> str:
        command = ["kubectl", "--namespace", self.namespace, "--request-timeout=5s", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
        return done.stdout + done.stderr


def render(network_file: Path, directory: Path, *flags: str) -> Path:
    """The directory with the manifests that ``exposer render k8s`` makes of a network file."""
    command = [str(Path(sys.executable).parent / "exposer"), "render", "k8s", str(network_file), *flags]
    command += ["-o", str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr
    return directory


def _numbers() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _group(number: int) -> str:
    """The control groups of a process; empty where it is gone."""
    try:
        return Path(f"/proc/{number}/cgroup").read_text(encoding="utf-8")
    except OSError:
        return ""
