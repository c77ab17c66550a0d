"""An SDK network with persistent volumes: state survives the loss of any pod, and the network grows."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from live_cluster import GATE, LIMIT, LiveCluster, Pods, kubectl, render, statuses
from live_network import get

from exposer import __version__

GENESIS = "simapp-1-genesis-0"
VALIDATORS = [f"simapp-1-validator-{ordinal}" for ordinal in range(2)]
NEW = [f"simapp-1-validator-{ordinal}" for ordinal in (2, 3)]
PODS = [GENESIS, *VALIDATORS]
NETWORK = """\
name: {name}
throwaway: true
chains:
  - id: simapp-1
    name: simapp
    numValidators: {count}
    image: "exposer-simd:{version}"
    faucet: {{enabled: true}}
    metrics: {metrics}
    genesis: {{presets: [{presets}]}}
images: {{binary: same, imagePullPolicy: IfNotPresent}}
kubernetes: {{storage: {{size: {size}, className: {storage_class}}}}}
"""


STATED: dict[str, Any] = {"name": "storage", "count": 3, "metrics": "false", "presets": "", "size": "1Gi"}
Written = Callable[..., tuple[Path, Path]]


@pytest.fixture(scope="module")
def written(storage_class: str, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Writes the network file, with what it is given in place of what is `STATED`; it, and where it is rendered to."""
    directory = tmp_path_factory.mktemp("manifests")

    def write(**more: Any) -> tuple[Path, Path]:
        text = NETWORK.format(version=__version__, storage_class=storage_class, **{**STATED, **more})
        (directory / "network.yaml").write_text(text)
        return directory / "network.yaml", directory / "k8s"

    return write


@pytest.fixture(scope="module")
def network(namespace: LiveCluster, written: Written, tell: Callable[[str], None]) -> LiveCluster:
    """Three pods, ready, though the genesis pod was deleted while the others waited for it."""
    manifests = render(*written())
    kubectl("--namespace", namespace.namespace, "apply", "--kustomize", str(manifests))
    namespace.kubectl("scale", "statefulset", "simapp-1-genesis", "--replicas=0")
    namespace.until("the validators wait", lambda pods: all(_waits(pods, name) for name in VALIDATORS))
    namespace.kubectl("scale", "statefulset", "simapp-1-genesis", "--replicas=1")
    namespace.until("init-genesis runs", lambda pods: _runs(pods, GENESIS, "init-genesis"))
    began = time.monotonic()
    deleted = namespace.delete_pod(GENESIS)
    assert all(_waits(namespace.pods(), name) for name in VALIDATORS)
    namespace.ready(PODS, without=[deleted])
    tell(f"storage: the genesis pod deleted in its init-genesis, 3 pods ready {time.monotonic() - began:.1f} s later")
    return namespace


def _runs(pods: Pods, pod: str, container: str) -> bool:
    return pod in pods and "running" in statuses(pods[pod]).get(container, {}).get("state", {})


def _waits(pods: Pods, name: str) -> bool:
    return _runs(pods, name, GATE)


def test_the_genesis_pod_was_deleted_while_others_waited(network: LiveCluster, tell: Callable[[str], None]) -> None:
    """Three validators are bonded, on one genesis; no gate was started twice for it."""
    assert network.bonded(GENESIS) == set(PODS)
    digest, height = network.agree(PODS)
    tell(f"storage: 3 validators bonded, all at height {height}, genesis {digest}")
    assert {statuses(network.pods()[name])[GATE]["restartCount"] for name in VALIDATORS} == {0}


@pytest.mark.parametrize("pod", [VALIDATORS[1], GENESIS])
def test_a_pod_comes_back_with_its_volume(network: LiveCluster, pod: str, tell: Callable[[str], None]) -> None:
    """A deleted pod has its keys, its genesis and its signing state again, and keeps signing."""
    keys, digest, signed = network.keys(pod), network.digest(pod), _signed(network, pod)
    witness = VALIDATORS[0]
    began = time.monotonic()
    network.ready([pod], without=[network.delete_pod(pod)])
    spent = time.monotonic() - began

    assert network.keys(pod) == keys
    assert network.digest(pod) == digest
    assert _signed(network, pod) >= signed > 1
    height = network.signs(pod, witness)
    network.agree(PODS)
    assert network.bonded(GENESIS) == set(PODS)
    tell(f"storage: {pod} deleted: ready again in {spent:.1f} s, signs at {height}")


def _signed(network: LiveCluster, pod: str) -> int:
    """The height that a pod's node has signed last, as its volume has it: what keeps it from signing twice."""
    state: Any = json.loads(network.execute(pod, "exposer", "cat", "/chain/data/priv_validator_state.json"))
    return int(state["height"])


def test_how_nodes_run_rolls(network: LiveCluster, written: Written, tell: Callable[[str], None]) -> None:
    """``metrics: true`` rendered over the running network and applied: each pod is replaced, and serves them."""
    digest, former = network.digest(GENESIS), _incarnations(network)
    began = time.monotonic()
    network.apply(render(*written(metrics="true")))
    network.ready(PODS, without=[*former.values()], limit=3 * LIMIT)

    tell(f"storage: metrics: true rolled over 3 pods in {time.monotonic() - began:.1f} s")
    for pod in PODS:
        with network.forwarded(pod, 26660) as (metrics,):
            assert b"cometbft_consensus_height" in get(f"{metrics}/metrics")
    assert network.agree(PODS)[0] == digest


def _incarnations(network: LiveCluster) -> dict[str, str]:
    return {name: pod["metadata"]["uid"] for name, pod in network.pods().items()}


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"presets": "fast-governance"}, "genesis (GENESIS_PRESETS)"),
        ({"name": "another"}, "name: Kubernetes lets nobody change it"),
        ({"size": "2Gi"}, "kubernetes.storage: Kubernetes lets nobody change it"),
    ],
)
def test_what_would_stop_it_is_refused_when_it_is_rendered(
    network: LiveCluster, written: Written, other: dict[str, str], field: str
) -> None:
    """Nothing is written, so that an apply changes nothing of what runs."""
    file, manifests = written(metrics="true", **other)
    command = [str(Path(sys.executable).parent / "exposer"), "render", "k8s", str(file), "-o", str(manifests)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)

    assert done.returncode == 5
    assert field in done.stderr
    assert "Put it back. Or delete that network" in done.stderr
    network.apply(manifests)
    diff = ["kubectl", "--namespace", network.namespace, "diff", "--kustomize", str(manifests)]
    assert subprocess.run(diff, capture_output=True, timeout=LIMIT, check=False).returncode == 0


def test_the_network_grows(network: LiveCluster, written: Written, tell: Callable[[str], None]) -> None:
    """From 3 to 5 validators, rendered and applied: the new pods have keys and volumes of their own; no other stops."""
    former = _incarnations(network)
    began = time.monotonic()
    network.apply(render(*written(metrics="true", count=5)))
    network.ready([*PODS, *NEW])
    spent = time.monotonic() - began

    assert former.items() <= _incarnations(network).items()
    assert network.bonded(GENESIS) == {*PODS, *NEW}
    heights = [network.signs(pod, GENESIS) for pod in NEW]
    network.agree([*PODS, *NEW])
    assert len({network.keys(pod)["validator_address"] for pod in (*PODS, *NEW)}) == 5
    tell(f"storage: grown from 3 to 5 validators in {spent:.1f} s; the new ones sign from {heights} on")
