"""The manifests as Kubernetes reads them: the schemas of its versions, kubectl's kustomize, and a real API server."""

from pathlib import Path

import pytest
import yaml
from kubernetes_validate import ValidationError, validate
from kubernetes_validate.utils import all_versions
from live_cluster import LiveCluster, kubectl
from manifest_world import BARE, EVERYTHING, KEYS, load
from project import ROOT

from exposer.network.kubernetes.files import render_kubernetes

CHECKED_IN = sorted((ROOT / "k8s").iterdir())
VERSIONS = [version for version in dict.fromkeys(all_versions()) if int(version.split(".")[1]) >= 29]
"""From the first with native sidecars to the newest that is known."""
STRANGE = {"Kustomization", "ServiceMonitor"}
"""Kinds that are not Kubernetes' own."""
COPIED = BARE.replace("volume", "copied")


def objects(directory: Path) -> list[dict[str, object]]:
    """All that is in a directory of manifests."""
    files = [path.read_text() for path in sorted(directory.glob("*.yaml")) if path.name != "network.yaml"]
    return [one for text in files for one in yaml.load_all(text, yaml.CSafeLoader)]


def written(directory: Path, text: str) -> Path:
    """A directory below ``directory`` with the rendering of a network file."""
    target = directory / "rendered"
    target.mkdir()
    for file in render_kubernetes(*load(directory, text), KEYS):
        (target / file.path).write_bytes(file.content)
    return target


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """What is checked in, and renderings with everything on or off, without what is not Kubernetes' own."""
    rendered = [written(tmp_path_factory.mktemp("network"), text) for text in (EVERYTHING, COPIED)]
    found = [one for directory in (*CHECKED_IN, *rendered) for one in objects(directory)]
    return [one for one in found if one["kind"] not in STRANGE]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_knows_every_field(version: str, known: list[dict[str, object]]) -> None:
    """No object has a field that a version's schema has not, or of another type."""
    assert {one["kind"] for one in known} >= {"StatefulSet", "Service", "Secret", "ConfigMap", "NetworkPolicy"}
    for one in known:
        validate(one, version, strict=True)


def test_a_mounted_image_is_for_those_who_know_it(tmp_path: Path) -> None:
    """`images.binary: volume` is a field that versions have from 1.31 on (switched on by default later)."""
    sets = [one for one in objects(written(tmp_path, BARE)) if one["kind"] == "StatefulSet"]
    for version in VERSIONS:
        for one in sets:
            if version in {"1.29.0", "1.30.0"}:
                with pytest.raises(ValidationError, match="image"):
                    validate(one, version, strict=True)
            else:
                validate(one, version, strict=True)


@pytest.mark.parametrize("directory", CHECKED_IN, ids=lambda path: path.name)
def test_what_is_checked_in_can_be_applied(directory: Path, namespace: LiveCluster) -> None:
    """Kustomize builds it, and the server takes it in a restricted namespace: it knows all fields and warns of none."""
    built = kubectl("kustomize", str(directory)).stdout
    assert len(list(yaml.load_all(built, yaml.CSafeLoader))) == len(objects(directory)) - 1
    assert_taken(namespace, directory)


@pytest.mark.parametrize("text", [EVERYTHING, COPIED, BARE], ids=["everything", "copied", "volume"])
def test_what_is_rendered_can_be_applied(text: str, namespace: LiveCluster, tmp_path: Path) -> None:
    """Whatever is switched on, but for the monitor of an operator that the cluster has not."""
    own = text.replace("namespace: nets", f"namespace: {namespace.namespace}").replace("  serviceMonitor: true\n", "")
    assert_taken(namespace, written(tmp_path, own))


def assert_taken(namespace: LiveCluster, directory: Path) -> None:
    """The API server takes all of it, and warns of nothing."""
    where = ("--namespace", namespace.namespace)
    said = kubectl(*where, "apply", "--dry-run=server", "--validate=strict", "--kustomize", str(directory))
    assert said.stderr == ""
    assert said.stdout.count("(server dry run)") == len(objects(directory)) - 1
