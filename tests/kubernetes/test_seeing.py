"""Pods of a real cluster as a person sees them, by one who may list pods and read logs and nothing else."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cluster_pods import RULES, SEEN, SLEEP, container, manifest, world
from live_cluster import LIMIT, LiveCluster, kubectl
from project import ROOT
from waiting import eventually

import exposer
from exposer.errors import ExitCode

IMAGE = f"exposer:{exposer.__version__}"
MANIFESTS = ROOT / "k8s/default"
NAMES = {seen: pod["metadata"]["name"] for seen, pod in world(IMAGE).items()}


@dataclass(frozen=True)
class Person:
    """Somebody with a kubeconfig of their own."""

    kubeconfig: Path

    def command(self, *arguments: str) -> list[str]:
        """A command line of ``exposer k8s``."""
        return [sys.executable, "-m", "exposer", "k8s", *arguments, "--kubeconfig", str(self.kubeconfig)]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=2 * LIMIT, check=False)

    def pods(self, *arguments: str) -> dict[str, Any]:
        """What ``status --json`` says of each pod."""
        ended = self.run("status", "--json", *arguments)
        assert ended.stdout, ended.stderr
        return {pod["name"]: pod for pod in json.loads(ended.stdout)["pods"]}


def person(cluster: LiveCluster, name: str, directory: Path, rules: list[dict[str, list[str]]]) -> Person:
    """A service account with those rules in the namespace, and its kubeconfig."""
    api = "rbac.authorization.k8s.io"
    metadata = {"name": name}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": cluster.namespace}
    items: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": f"{api}/v1", "kind": "Role", "metadata": metadata, "rules": rules},
        {
            "apiVersion": f"{api}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "subjects": [subject],
            "roleRef": {"apiGroup": api, "kind": "Role", "name": name},
        },
    ]
    cluster.kubectl("create", "--filename", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    config = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "--output", "json").stdout)
    config["users"][0]["user"] = {"token": cluster.kubectl("create", "token", name).strip()}
    config["contexts"][0]["context"]["namespace"] = cluster.namespace
    (directory / name).write_text(json.dumps(config))
    return Person(directory / name)


@pytest.fixture(scope="module")
def reader(namespace: LiveCluster, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """One who may see pods and read their logs."""
    return person(namespace, "reader", tmp_path_factory.mktemp("reader"), RULES)


@pytest.fixture(scope="module")
def seen(namespace: LiveCluster, reader: Person) -> Iterator[Person]:
    """The reader, when there is a pod of every kind to see."""
    pods = list(world(IMAGE).values())
    namespace.kubectl("create", "--filename", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": pods}))
    yield reader
    namespace.kubectl("delete", "pods", "--selector", "app.kubernetes.io/part-of=devnet", "--wait=false")


@pytest.mark.parametrize("kind", SEEN)
def test_every_state_is_told_to_who_may_only_list_pods(seen: Person, kind: str) -> None:
    """What each pod is at and why it is not further, by the pods alone."""
    now, step, word, code = SEEN[kind]

    def told() -> bool:
        pod = seen.pods()[NAMES[kind]]
        said = (f"{pod['phase']} {pod['doing']}".strip(), f"{pod['step']}/{pod['steps']}", pod["exit_code"])
        return said == (now, step, code) and word in pod["reason"]

    eventually(f"{kind}: {now}, {word}", told)
    assert seen.run("status").returncode == ExitCode.TEMPORARY


def test_warnings_explain_what_pods_do_not(namespace: LiveCluster, seen: Person, tmp_path: Path) -> None:
    """Who may list events too is told which Secret is missing, where the pod alone says that it waits."""
    rules = [{"apiGroups": [""], "resources": ["pods", "events"], "verbs": ["list"]}]
    more = person(namespace, "more", tmp_path, rules)
    name = NAMES["no secret"]

    assert seen.pods()[name]["reason"] == ""
    eventually("the warning", lambda: 'secret "absent" not found' in more.pods()[name]["reason"])


def test_a_permission_that_is_missing_is_named(namespace: LiveCluster, tmp_path: Path) -> None:
    """Verb, resource and namespace, with exit code 3."""
    done = person(namespace, "nobody", tmp_path, []).run("status")

    assert done.returncode == ExitCode.BAD_INPUT
    assert f"this user may not list pods in namespace {namespace.namespace}; a Role there has to allow" in done.stderr


def test_logs_are_read_by_short_names(seen: Person) -> None:
    """A step's log, its last lines, that of the run before, and why there is none."""
    log = eventually("the log", lambda: seen.run("logs", "genesis-0", "init-genesis").stdout)
    assert log == "made\n"
    assert seen.run("logs", "validator-1", "init-validator", "--tail", "1").stdout.startswith("exposer: COINS")
    not_begun = seen.run("logs", "validator-1", "node")
    assert not_begun.returncode == ExitCode.TEMPORARY
    assert "node has not begun; the pod is at init-validator" in not_begun.stderr
    assert seen.run("logs", "validator-1", "init-validatr").returncode == ExitCode.BAD_INPUT


def test_a_log_is_followed_while_its_step_runs(seen: Person) -> None:
    """The first line is there while the step goes on."""
    command = seen.command("logs", "validator-0", "wait-for-chains", "--follow")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting for sim-1-genesis-0:8081\n"
        assert process.poll() is None
        process.kill()


def test_a_watch_sees_a_pod_from_its_beginning_to_ready(namespace: LiveCluster, reader: Person) -> None:
    """It begins before there is a pod, tells each change in a line, and ends with 0 when all are ready."""
    step = container("init-genesis", "sleep 2", image=IMAGE)
    pod = manifest("later-genesis-0", [step], [container("node", SLEEP, image=IMAGE)], role="genesis", network="later")
    command = reader.command("status", "--watch", "--network", "later", "--timeout", f"{LIMIT}s")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watch:
        assert watch.stderr is not None
        assert "there are no pods of later" in watch.stderr.readline()
        namespace.kubectl("create", "--filename", "-", text=json.dumps(pod))
        out, lines = watch.communicate(timeout=LIMIT)

    assert watch.returncode == ExitCode.DONE
    assert "later-genesis-0 init-genesis: running" in lines
    changes = [line for line in lines.splitlines() if "later-genesis-0" in line]
    assert changes[-1].endswith("later-genesis-0: ready")
    assert out.splitlines()[1].split()[:3] == ["later-genesis-0", "1/1", "ready"]
    namespace.kubectl("delete", "pod", "later-genesis-0", "--wait=false")


def test_heights_of_a_real_network_are_told_to_who_may_ask(namespace: LiveCluster, tmp_path: Path) -> None:
    """``k8s/default``: with ``get`` of pods/proxy each pod has a height, and one digest is everywhere."""
    rules = [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]},
        {"apiGroups": [""], "resources": ["pods/proxy"], "verbs": ["get"]},
    ]
    asker = person(namespace, "asker", tmp_path, rules)
    namespace.apply(MANIFESTS)
    done = asker.run("status", "--watch", "--network", "default", "--timeout", f"{LIMIT}s")
    assert done.returncode == ExitCode.DONE, done.stderr
    pods = asker.pods("--network", "default").values()

    assert len(pods) == 4
    assert all(pod["sidecar"]["height"] >= 1 for pod in pods)
    assert len({pod["sidecar"]["genesis_sha256"] for pod in pods}) == 1
    namespace.kubectl("delete", "--kustomize", str(MANIFESTS), "--wait=false")
