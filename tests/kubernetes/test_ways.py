"""The ways of the chain's binary and of the sidecar that the networks of ``k8s/`` do not take."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from live_cluster import LiveCluster, render, statuses

from exposer import __version__

PODS = ["ways-1-genesis-0", "ways-1-validator-0"]
NETWORK = """\
name: ways
throwaway: true
chains:
  - {{id: ways-1, name: cometbft, numValidators: 2, image: "exposer-cometbft:{version}", binary: {binary}}}
images: {{binary: {way}, imagePullPolicy: IfNotPresent}}
kubernetes: {{sidecar: {sidecar}}}
"""


@pytest.mark.parametrize(
    ("way", "binary", "sidecar"),
    [("copied", "cometbft", "classic"), ("volume", "/usr/local/bin/cometbft", "native")],
)
def test_a_network_comes_up(
    way: str, binary: str, sidecar: str, namespace: LiveCluster, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    """Two pods whose steps have no image with the chain's binary are one network, with either kind of sidecar."""
    if way == "volume" and not mounts_images():
        pytest.skip("this cluster does not mount images as volumes (Kubernetes 1.33 with the feature gate ImageVolume)")
    text = NETWORK.format(version=__version__, way=way, binary=binary, sidecar=sidecar)
    (tmp_path / "network.yaml").write_text(text)
    manifests = render(tmp_path / "network.yaml", tmp_path / "k8s")
    began = namespace.apply(manifests)
    pods = namespace.ready(PODS)
    spent = time.monotonic() - began

    tell(f"binary {way}, sidecar {sidecar}: 2 pods ready in {spent:.1f} s")
    kind = "initContainers" if sidecar == "native" else "containers"
    for pod in pods.values():
        assert "exposer" in [container["name"] for container in pod["spec"][kind]]
        images = {name: status["image"].rpartition("/")[2] for name, status in statuses(pod).items()}
        assert images["node"] == f"exposer-cometbft:{__version__}"
        assert images["exposer"] == images["init-config"] == f"exposer:{__version__}"
    namespace.agree(PODS)
    namespace.kubectl("delete", "statefulset", "--all", "--wait")
    namespace.kubectl("delete", "pods", "--all", "--grace-period=1", "--wait")


def mounts_images() -> bool:
    """Whether the cluster's API knows volumes that are images; it drops what it does not."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "probe"},
        "spec": {
            "containers": [{"name": "probe", "image": "exposer"}],
            "volumes": [{"name": "binary", "image": {"reference": "exposer"}}],
        },
    }
    command = ["kubectl", "create", "--dry-run=server", "--filename", "-"]
    done = subprocess.run(command, input=json.dumps(pod), capture_output=True, text=True, timeout=30, check=False)
    return done.returncode == 0
