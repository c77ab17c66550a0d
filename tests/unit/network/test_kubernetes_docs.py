import re
import shlex
from pathlib import Path

from manifest_world import EVERYTHING, containers, named, pod_spec, render
from project import ROOT

from exposer.network.document import load_document
from exposer.network.file.containers import Images, Kubernetes, Storage
from exposer.network.render_cli import parser

DOCS = (ROOT / "docs/kubernetes.md").read_text(encoding="utf-8")
EXAMPLE = DOCS.split("```yaml\n")[1].split("```")[0]
CHAINS = "chains: [{id: simapp-1, name: simapp, numValidators: 4, image: registry.example/simapp:v1}]\n"


def test_the_excerpt_of_the_docs_has_every_field(tmp_path: Path) -> None:
    """It is accepted as it stands, rendered as it says, and shows all that only manifests have."""
    (tmp_path / "network.yaml").write_text(CHAINS + EXAMPLE, encoding="utf-8")
    assert load_document(tmp_path / "network.yaml", strict=True).network.kubernetes.namespace == "devnet"
    fields = [
        info.alias or name for model in (Images, Kubernetes, Storage) for name, info in model.model_fields.items()
    ]
    assert [name for name in fields if f"{name}:" not in EXAMPLE] == []


def test_every_object_is_documented(tmp_path: Path) -> None:
    """The table has each kind, and each name as the chain's prefix makes it."""
    table = DOCS[DOCS.index("| file |") : DOCS.index("`<prefix>` is")]
    for one in render(tmp_path, EVERYTHING):
        name = re.sub("every-thing-1|osmosis-test-5|evmos-9000-1|simapp-1|cometbft-1", "<>", one["metadata"]["name"])
        assert one["kind"] in table
        assert re.search(re.escape(name).replace("<>", "<(network|prefix)>"), table), name


def test_figures_of_the_docs_are_those_of_the_manifests(tmp_path: Path) -> None:
    """How long a pod has to end, how long a node to start and to be silent, and whose user runs it."""
    spec = pod_spec(one := named(render(tmp_path, EVERYTHING), "StatefulSet")["cometbft-1-genesis"])
    node = containers(one)["node"]
    seconds = {
        name: node[name]["periodSeconds"] * node[name]["failureThreshold"] for name in ("startupProbe", "livenessProbe")
    }
    assert seconds == {"startupProbe": 3600, "livenessProbe": 300}
    assert "RPC `/health` answers, within an hour" in DOCS
    assert "RPC `/health`, within five minutes" in DOCS
    assert f"A\npod has {spec['terminationGracePeriodSeconds']} s to end" in DOCS
    assert f"user and group {spec['securityContext']['runAsUser']}," in DOCS


def test_the_command_lines_of_the_docs_are_understood() -> None:
    """Each `exposer render` that the docs show is one."""
    shown = [line.split("#")[0] for line in DOCS.splitlines() if line.startswith("    exposer render ")]
    assert [parser().parse_args(shlex.split(line)[2:]).what for line in shown] == ["k8s"]
