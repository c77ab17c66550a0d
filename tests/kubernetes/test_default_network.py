"""The network of ``k8s/default`` on a real cluster, and one disturbance after the other."""

import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest
from live_cluster import LIMIT, LiveCluster, Pods, is_ready, kubectl, statuses
from project import ROOT

GENESIS = "cometbft-1-genesis-0"
VALIDATORS = [f"cometbft-1-validator-{ordinal}" for ordinal in range(3)]
PODS = [GENESIS, *VALIDATORS]
MANIFESTS = ROOT / "k8s/default"


@pytest.fixture(scope="module")
def network(namespace: LiveCluster, tell: Callable[[str], None]) -> LiveCluster:
    """The four pods, ready."""
    began = namespace.apply(MANIFESTS)
    pods = namespace.ready(PODS)
    spent = time.monotonic() - began
    gates = namespace.gates(pods)
    tell(f"k8s/default: {len(pods)} pods ready in {spent:.1f} s; their gates took {sorted(gates.values())} s of it")
    assert sorted(gates) == VALIDATORS
    return namespace


def test_four_pods_are_one_network(network: LiveCluster, tell: Callable[[str], None]) -> None:
    """All pods serve the same genesis and make blocks; nothing was started twice for it."""
    digest, height = network.agree(PODS)
    tell(f"k8s/default: all at height {height}, genesis {digest}")

    restarts = {name: one["restartCount"] for pod in network.pods().values() for name, one in statuses(pod).items()}
    assert set(restarts.values()) == {0}, restarts


def test_the_restricted_standard_is_enforced(network: LiveCluster) -> None:
    """The namespace that the network runs in refuses a pod that is as pods are by default."""
    command = ["kubectl", "-n", network.namespace, "run", "probe", "--image=exposer", "--dry-run=server"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert 'violates PodSecurity "restricted' in done.stderr


def test_no_container_has_a_token(network: LiveCluster) -> None:
    """No container of the network can ask the cluster anything."""
    for pod in network.pods().values():
        mounts = [
            mount["mountPath"]
            for kind in ("initContainers", "containers")
            for container in pod["spec"][kind]
            for mount in container.get("volumeMounts", [])
        ]
        assert "/chain" in mounts
        assert not any("serviceaccount" in path for path in mounts)


def test_the_cluster_accepts_its_policies(network: LiveCluster) -> None:
    """The network's NetworkPolicy stands and selects every pod; whether it is enforced is up to the cluster."""
    (policy,) = network.find("networkpolicies")
    labels = ",".join(f"{name}={value}" for name, value in policy["spec"]["podSelector"]["matchLabels"].items())

    assert {pod["metadata"]["name"] for pod in network.find("pods", "--selector", labels)} == set(PODS)


def test_a_validator_without_its_volume_comes_back(network: LiveCluster, tell: Callable[[str], None]) -> None:
    """A validator pod that lost everything has its keys again, fetches the genesis again, and signs again."""
    pod, before = VALIDATORS[2], network.keys(VALIDATORS[2])
    began = time.monotonic()
    network.ready([pod], without=[network.delete_pod(pod)])
    spent = time.monotonic() - began

    assert network.keys(pod) == before
    height = network.signs(pod, VALIDATORS[0])
    network.agree(PODS)
    tell(f"a validator pod deleted: ready again in {spent:.1f} s, signs at {height}")


def test_a_killed_exposer_starts_again(network: LiveCluster, tell: Callable[[str], None]) -> None:
    """An exposer that is killed serves the same genesis again, and its node does not notice."""
    pod, digest = VALIDATORS[1], network.digest(VALIDATORS[1])
    node = statuses(network.pods()[pod])["node"]
    began = time.monotonic()
    network.kill(pod, "exposer")

    def back(pods: Pods) -> Any:
        return pod in pods and statuses(pods[pod])["exposer"]["restartCount"] == 1 and is_ready(pods[pod])

    network.until("the exposer is back", back)
    tell(f"an exposer killed: ready again in {time.monotonic() - began:.1f} s")
    assert network.digest(pod) == digest
    assert statuses(network.pods()[pod])["node"] == node


def test_a_genesis_pod_without_its_volume_comes_back(network: LiveCluster, tell: Callable[[str], None]) -> None:
    """A genesis pod that lost everything makes the very same genesis of the same keys, and the network goes on."""
    digest, keys = network.digest(GENESIS), network.keys(GENESIS)
    began = time.monotonic()
    network.ready([GENESIS], without=[network.delete_pod(GENESIS)])
    tell(f"the genesis pod deleted: ready again in {time.monotonic() - began:.1f} s")

    assert network.keys(GENESIS) == keys
    assert network.agree(PODS)[0] == digest


def test_a_node_is_drained(network: LiveCluster, tell: Callable[[str], None]) -> None:
    """The pods of a drained node move one after the other: as long as one is away, the budget keeps the next."""
    pods = network.pods()
    places = [pod["spec"]["nodeName"] for pod in pods.values()]
    node = max(places, key=places.count)
    moving = {name: pod["metadata"]["uid"] for name, pod in pods.items() if pod["spec"]["nodeName"] == node}
    (budget,) = network.find("poddisruptionbudgets")
    assert budget["status"]["desiredHealthy"] == 3  # more than two thirds of four go on making blocks
    others: dict[str, int] = {}  # of each evicted pod: how many others were ready then

    def all_moved(pods: Pods) -> bool:
        if not pods.keys() >= set(PODS):
            return False  # the watch has just begun, or a pod is gone
        for name, uid in moving.items():
            metadata = pods[name]["metadata"]
            if metadata["uid"] == uid and "deletionTimestamp" in metadata:
                others.setdefault(name, sum(is_ready(pods[other]) for other in PODS if other != name))
        return all(pods[name]["spec"].get("nodeName") != node and is_ready(pods[name]) for name in PODS)

    began = time.monotonic()
    drain = ["kubectl", "drain", node, "--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={LIMIT}s"]
    chain = budget["metadata"]["labels"]["app.kubernetes.io/instance"]
    selection = f"--pod-selector=app.kubernetes.io/instance={chain}"
    with subprocess.Popen([*drain, selection], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as draining:
        try:
            network.until(f"the pods of {node} are ready elsewhere", all_moved)
            said = draining.communicate()[0]
        finally:
            draining.kill()
            kubectl("uncordon", node)
    tell(f"{node} drained of {len(moving)} pods, one by one, in {time.monotonic() - began:.1f} s")
    assert draining.returncode == 0, said
    assert others == dict.fromkeys(moving, 3)
    network.agree(PODS)
