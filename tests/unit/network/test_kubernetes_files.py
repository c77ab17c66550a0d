from pathlib import Path

import pytest
import yaml
from manifest_world import BARE, EVERYTHING, KEYS, load
from project import ROOT

from exposer import __version__
from exposer.network.document import load_document
from exposer.network.key_source import keys_of
from exposer.network.kubernetes.files import KUSTOMIZATION, render_kubernetes
from exposer.network.kubernetes.manifests import manifests
from exposer.network.places import Cluster
from exposer.network.plan import build_plan

CHECKED_IN = pytest.mark.parametrize("directory", sorted((ROOT / "k8s").iterdir()), ids=lambda path: path.name)


@CHECKED_IN
def test_what_is_checked_in_is_what_is_rendered(directory: Path) -> None:
    """Byte by byte, file by file, for the images of this version: `exposer render k8s k8s/X/network.yaml -o k8s/X`."""
    document = load_document(directory / "network.yaml", strict=True)
    plan = build_plan(document.network, Cluster(document.network, directory), directory)
    files = {file.path: file.content for file in render_kubernetes(plan, document, keys_of(document, None))}

    assert {path.name: path.read_bytes() for path in directory.iterdir() if path.name != "network.yaml"} == files
    images = {container.image for pod in plan.pods for container in pod.containers}
    assert {image.rpartition(":")[2] for image in images} == {__version__}


@pytest.mark.parametrize("text", [EVERYTHING, BARE], ids=["everything", "bare"])
def test_files_hold_every_object_once(tmp_path: Path, text: str) -> None:
    """The kustomization names all files, and what they hold is the manifests in their order."""
    plan, document = load(tmp_path, text)
    *files, last = render_kubernetes(plan, document, KEYS)

    assert last.path == KUSTOMIZATION
    assert yaml.safe_load(last.content)["resources"] == [file.path for file in files]
    held = [one for file in files for one in yaml.safe_load_all(file.content)]
    assert held == manifests(plan, document, KEYS)


def test_a_secret_is_for_its_owner_alone(tmp_path: Path) -> None:
    """The file with the keys is readable for whoever rendered it, unless they are everybody's."""
    modes = {file.path: file.mode for file in render_kubernetes(*load(tmp_path, EVERYTHING), KEYS)}
    assert modes.pop("keys.yaml") == 0o600
    assert set(modes.values()) == {0o644}
    assert {file.mode for file in render_kubernetes(*load(tmp_path, BARE), KEYS)} == {0o644}
