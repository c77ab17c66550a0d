"""The manifests as files, with a kustomization beside them."""

from dataclasses import replace

from exposer.accounts.secret import Secret
from exposer.network.document import Document
from exposer.network.kubernetes.manifests import groups
from exposer.network.plan import Plan
from exposer.network.rendering import PRIVATE, RenderedFile, header
from exposer.network.yaml_text import to_yaml

KUSTOMIZATION = "kustomization.yaml"


def render_kubernetes(plan: Plan, document: Document, keys: Secret) -> list[RenderedFile]:
    """The keys, then for each chain what all of it shares and each of its StatefulSets, and last the kustomization.

    ``kubectl apply -k`` takes the directory; ``-f`` does too, without the kustomization.

    Raises:
        BadInputError: the files of a chain are too large for Kubernetes.
    """
    first = header("k8s", document)
    made = groups(plan, document, keys)
    found = [RenderedFile(f"{name}.yaml", first + to_yaml(*group)) for name, group in made.items()]
    secret = {f"{name}.yaml" for name, objects in made.items() if any(one["kind"] == "Secret" for one in objects)}
    rendered = [replace(file, mode=PRIVATE) if file.path in secret else file for file in found]
    content = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [file.path for file in rendered],
    }
    return [*rendered, RenderedFile(KUSTOMIZATION, first + to_yaml(content))]
