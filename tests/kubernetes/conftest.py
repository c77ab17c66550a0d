"""The cluster that KUBECONFIG names, with this version's images in it, and namespaces that leave nothing behind."""

import json
import os
import secrets
import shlex
import shutil
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from live_cluster import LIMIT, RESTRICTED, LiveCluster, kubectl
from project import ROOT

_LIVE: list[LiveCluster] = []
"""The namespaces that are there now; what is in them is told when a test fails."""


@pytest.fixture(scope="session")
def _cluster() -> None:
    """Without a cluster there is nothing to test."""
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("KUBECONFIG is not set, and the laboratory is not beside the repository (docs/laboratory.md)")


@pytest.fixture(scope="session")
def _images(_cluster: None) -> None:
    """The images of this version are in the cluster: LOAD_IMAGE has put each archive of ``make images`` there."""
    command = os.environ.get("LOAD_IMAGE") or ("kind load image-archive" if shutil.which("kind") else "")
    for name in ("exposer", "exposer-cometbft", "exposer-simd"):
        archive = ROOT / f".cache/images/{name}.tar"
        assert archive.is_file(), f"no {archive}: `make images` makes it"
        assert command, (
            "set LOAD_IMAGE to a command that puts an image's archive into the cluster; `true` where it has it"
        )
        subprocess.run([*shlex.split(command), archive], check=True, capture_output=True, timeout=LIMIT)


@pytest.fixture(scope="session")
def _namespaces(_images: None) -> Iterator[list[str]]:
    """All namespaces that the tests made; at the end none is left."""
    names: list[str] = []
    yield names
    for name in names:
        kubectl("wait", "--for=delete", f"namespace/{name}", f"--timeout={LIMIT}s")


@pytest.fixture(scope="module")
def namespace(_namespaces: list[str]) -> Iterator[LiveCluster]:
    """A namespace of its own for each module, in which the restricted pod security standard is enforced."""
    name = f"exposer-{secrets.token_hex(3)}"
    labelled = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}}
    kubectl("create", "--filename", "-", text=json.dumps(labelled))
    _namespaces.append(name)
    cluster = LiveCluster(name)
    _LIVE.append(cluster)
    yield cluster
    _LIVE.remove(cluster)
    kubectl("delete", "namespace", name, "--wait=false")
    kubectl("--namespace", name, "delete", "pods", "--all", "--grace-period=1", "--wait=false")


@pytest.fixture(scope="module")
def storage_class(namespace: LiveCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A storage class: the cluster's default one; else one of volumes made here by hand, two on each node."""
    classes = json.loads(kubectl("get", "storageclasses", "--output", "json").stdout)["items"]
    standard = "storageclass.kubernetes.io/is-default-class"
    for found in classes:
        if found["metadata"].get("annotations", {}).get(standard) == "true":
            yield found["metadata"]["name"]
            return
    nodes = [node["metadata"]["name"] for node in json.loads(kubectl("get", "nodes", "-o", "json").stdout)["items"]]
    directory = tmp_path_factory.mktemp("volumes")
    made = [_storage_class(namespace.namespace)]
    for node in nodes:
        for number in range(2):
            path = directory / f"{node}-{number}"
            path.mkdir()
            made.append(_volume(namespace.namespace, node, path))
    objects = json.dumps({"apiVersion": "v1", "kind": "List", "items": made})
    kubectl("create", "--filename", "-", text=objects)
    yield namespace.namespace
    kubectl("delete", "--wait=false", "--filename", "-", text=objects)


def _storage_class(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def _volume(storage_class: str, node: str, path: Path) -> dict[str, Any]:
    """A volume of one node; unlike one of a host's path it is given to the group of the pod (``fsGroup``)."""
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{storage_class}-{path.name}"},
        "spec": {
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "persistentVolumeReclaimPolicy": "Retain",
            "local": {"path": str(path)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test here waits several times, each time with a limit of its own, and a failure takes a while to be told."""
    for item in items:
        if item.path.parent == Path(__file__).parent and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(900))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure tells what the cluster says of every namespace that is there."""
    report = yield
    if report.failed:
        report.sections += [(f"namespace {one.namespace}", one.story()) for one in _LIVE]
    return report
