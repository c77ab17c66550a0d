"""What a new rendering finds of the one before it: what Kubernetes would refuse to change, and what is left over."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from exposer.errors import ConflictError
from exposer.network.rendering import MADE, RenderedFile

_MAY_CHANGE = {
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
    "revisionHistoryLimit",
}
"""Of a StatefulSet's spec (``pkg/apis/apps/validation``: ValidateStatefulSetUpdate)."""
_FIELDS = {"selector": "name", "volumeClaimTemplates": "kubernetes.storage"}
"""What of it comes from which field of the network file."""


def refuse_immutable(directory: Path, files: Sequence[RenderedFile]) -> None:
    """Raises `ConflictError` where an object that may be in a cluster by now cannot become what it is in ``files``.

    ``kubectl apply`` would find that out halfway, with the objects before it changed.
    """
    for file in files:
        path = directory / file.path
        if not file.path.endswith(".yaml") or not path.is_file():
            continue
        before, after = _sets(path.read_bytes()), _sets(file.content)
        for name in before.keys() & after.keys():
            changed = [field for field in _differing(before[name], after[name]) if field not in _MAY_CHANGE]
            if changed:
                told = ", ".join(_FIELDS.get(field, f"spec.{field}") for field in changed)
                raise ConflictError(
                    f"{path}: Kubernetes lets nobody change {told} of the StatefulSet {name[1]}; put it back, or "
                    f"render into another directory and delete this network first (kubectl delete -f {directory}; "
                    "claims with a state of their own stay)"
                )


def left_over(directory: Path, files: Sequence[RenderedFile], what: str) -> Iterator[Path]:
    """Files that an earlier ``exposer render <what>`` made there and this one does not: of a chain that is gone."""
    names = {file.path for file in files}
    for path in sorted(directory.glob("*.yaml")):
        if path.name not in names and path.is_file() and path.read_bytes().startswith(MADE + what.encode() + b" "):
            yield path


def _sets(content: bytes) -> dict[tuple[str, str], dict[str, Any]]:
    """Namespace and name of each StatefulSet, and its spec."""
    try:
        objects = list(YAML(typ="safe", pure=True).load_all(content))
    except (YAMLError, UnicodeDecodeError):  # it is replaced, or refused as somebody's
        return {}
    return {
        (one["metadata"].get("namespace", ""), one["metadata"]["name"]): one["spec"]
        for one in objects
        if isinstance(one, dict) and one.get("kind") == "StatefulSet"
    }


def _differing(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [field for field in sorted({*before, *after}) if before.get(field) != after.get(field)]
