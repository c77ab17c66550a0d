"""An SDK network without storage whose genesis pod is deleted, or its node drained: one genesis, and no silence."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from live_cluster import LIMIT, LiveCluster, Pods, kubectl, render, statuses

from exposer import __version__
from exposer.errors import ExitCode

GENESIS = "simapp-1-genesis-0"
VALIDATORS = [f"simapp-1-validator-{ordinal}" for ordinal in range(2)]
LOSSES = int(os.environ.get("LOSSES", "1"))
"""How often the pod is deleted, and how often its node is drained."""
pytestmark = pytest.mark.timeout(900 * LOSSES)
NETWORK = """\
name: lost
throwaway: true
chains:
  - {{id: simapp-1, name: simapp, numValidators: 3, image: "exposer-simd:{version}"{more}}}
images: {{binary: same, imagePullPolicy: IfNotPresent}}
"""


@contextmanager
def network(namespace: LiveCluster, directory: Path, more: str = "") -> Iterator[LiveCluster]:
    """Three pods, ready; nothing of them is left at the end, but their logs where the test fails."""
    (directory / "network.yaml").write_text(NETWORK.format(version=__version__, more=more))
    manifests = render(directory / "network.yaml", directory / "k8s")
    namespace.apply(manifests)
    try:
        namespace.ready([GENESIS, *VALIDATORS])
        yield namespace
    except BaseException:  # pytest.fail is no Exception
        print(namespace.story())  # while the pods are there
        raise
    finally:
        kubectl("--namespace", namespace.namespace, "delete", "--kustomize", str(manifests), "--wait=false")
        kubectl("--namespace", namespace.namespace, "delete", "pods", "--all", "--grace-period=1")


def status(cluster: LiveCluster) -> subprocess.CompletedProcess[str]:
    """What ``exposer k8s status`` says."""
    command = [sys.executable, "-m", "exposer", "k8s", "status", "--namespace", cluster.namespace]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)


def ways(cluster: LiveCluster) -> Iterator[tuple[str, Callable[[], Any]]]:
    """How a pod goes, as often as is asked for: it is deleted, or its node is drained."""
    for _ in range(LOSSES):
        yield "deleted", lambda: cluster.delete_pod(GENESIS)
        yield "drained", lambda: drain(cluster)


def drain(cluster: LiveCluster) -> str:
    """Drain the genesis pod's node of it, whatever the budget allows; the pod's uid."""
    pod = cluster.pods()[GENESIS]
    node = pod["spec"]["nodeName"]
    selection = f"--pod-selector=statefulset.kubernetes.io/pod-name={GENESIS}"
    flags = ["--ignore-daemonsets", "--delete-emptydir-data", "--disable-eviction", f"--timeout={LIMIT}s"]
    try:
        kubectl("drain", node, *flags, selection)
    finally:
        kubectl("uncordon", node)
    uid: str = pod["metadata"]["uid"]
    return uid


def refused(former: str, pods: Pods) -> str | None:
    """Why the step of the pod that took the place of ``former`` has ended with exit code 4, once it has."""
    if GENESIS not in pods or pods[GENESIS]["metadata"]["uid"] == former:
        return None
    step = statuses(pods[GENESIS]).get("init-genesis", {})
    ended = (step.get("state", {}).get("terminated"), step.get("lastState", {}).get("terminated"))
    return next((str(one["message"]) for one in ended if one and one["exitCode"] == ExitCode.MISMATCH), None)


def test_random_keys_found_no_second_network(
    namespace: LiveCluster, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    """The pod that comes back makes no genesis and is not ready; `k8s status` says why; the others keep theirs."""
    with network(namespace, tmp_path) as cluster:
        (digest,) = {cluster.digest(name) for name in VALIDATORS}
        for way, lose in ways(cluster):
            former = lose()
            reason = cluster.until("init-genesis refuses", partial(refused, former))
            shown = status(cluster)

            assert digest in reason
            assert "ERROR" not in reason  # it is the reason itself, and no line of a log
            assert shown.returncode != 0
            assert digest in re.sub(r"\s", "", shown.stdout), shown.stdout
            with pytest.raises(AssertionError, match="No such file"):
                cluster.execute(GENESIS, "exposer", "cat", "/chain/config/genesis.json")
            assert {cluster.digest(name) for name in VALIDATORS} == {digest}
            tell(
                f"simd without storage, random keys, genesis pod {way}: no genesis made; {shown.stdout.splitlines()[1]}"
            )


def test_derived_keys_join_again(namespace: LiveCluster, tmp_path: Path, tell: Callable[[str], None]) -> None:
    """The pod takes the genesis of the others, its validator signs again, and never twice; it takes this long."""
    with network(namespace, tmp_path, ", validators: genesis") as cluster:
        (digest,) = {cluster.digest(name) for name in (GENESIS, *VALIDATORS)}
        for way, lose in ways(cluster):
            began = time.monotonic()
            cluster.ready([GENESIS], without=[lose()])
            spent = time.monotonic() - began
            cluster.signs(GENESIS, VALIDATORS[0])

            assert {cluster.digest(name) for name in (GENESIS, *VALIDATORS)} == {digest}
            tell(f"simd without storage, derived keys, genesis pod {way}: ready again in {spent:.1f} s")
        logs = "".join(cluster.kubectl("logs", name, "--container", "node") for name in (GENESIS, *VALIDATORS))
        assert not re.search("conflicting vote|verified new evidence", logs)
        assert status(cluster).returncode == 0
