"""What a new rendering finds of the one before it: what nobody can change any more, and what is left over."""

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

import exposer
from exposer.errors import ConflictError
from exposer.network.environment import (
    CONFIG_OVERRIDES,
    FIELDS,
    FIXED,
    GENESIS_BALANCES,
    GENESIS_BASE,
    GENESIS_PATCH,
    SCRIPT,
)
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


_COUNT = "NUM_VALIDATORS"
_FILES = ("-patch", "-scripts")
_VARIABLES = {GENESIS_PATCH: "GENESIS_PATCH", GENESIS_BALANCES: "GENESIS_BALANCES", GENESIS_BASE: "GENESIS_FROM"}
"""File of a ConfigMap -> the variable of the steps that names it."""
_VERSION = f"(exposer {exposer.__version__};".encode()


def refuse_fixed(directory: Path, files: Sequence[RenderedFile]) -> None:
    """Raises `ConflictError` where what may be in a cluster by now cannot become what it is in ``files``.

    ``kubectl apply`` would find out halfway that an object cannot change, and each pod that its genesis cannot.
    """
    found = [(directory / file.path, file) for file in files if file.path.endswith(".yaml")]
    pairs = [(path, file) for path, file in found if path.is_file()]
    before = [one for path, _ in pairs for one in _objects(path.read_bytes())]
    after = [one for _, file in pairs for one in _objects(file.content)]
    cure = (
        f"put it back, or delete this network first (kubectl delete -f {directory}, and its claims), then these files, "
        "and render again"
    )
    for name, spec in _named("StatefulSet", after, "spec").items():
        former = _named("StatefulSet", before, "spec").get(name, spec)
        if changed := [field for field in _differing(former, spec) if field not in _MAY_CHANGE]:
            told = ", ".join(_FIELDS.get(field, f"spec.{field}") for field in changed)
            raise ConflictError(f"{directory}: Kubernetes lets nobody change {told} of the StatefulSet {name}; {cure}")
    then, now = _inputs(before), _inputs(after)
    # A rendering of another version may say nothing of what is at its default.
    same = all(_VERSION in path.read_bytes().partition(b"\n")[0] for path, _ in pairs)
    for name in then.keys() & now.keys():
        both = then[name].keys() & now[name].keys()
        judged = both | ({*then[name], *now[name]} - {_COUNT} if same else set())
        if changed := [key for key in _differing(then[name], now[name]) if key in judged]:
            fields = ", ".join(map(_field, changed))
            raise ConflictError(
                f"{directory}: pods were made from another {fields} in {name}, and their steps would exit 5; {cure}"
            )


def _field(key: str) -> str:
    """A variable of a step, and where in the network file it comes from."""
    field = FIELDS.get(key.partition(" ")[0])
    return f"chains[].{field} ({key})" if field else key


def left_over(directory: Path, files: Sequence[RenderedFile], what: str) -> Iterator[Path]:
    """Files that an earlier ``exposer render <what>`` made there and this one does not: of a chain that is gone."""
    names = {file.path for file in files}
    for path in sorted(directory.glob("*.yaml")):
        if path.name not in names and path.is_file() and path.read_bytes().startswith(MADE + what.encode() + b" "):
            yield path


def _objects(content: bytes) -> list[dict[str, Any]]:
    try:
        return [one for one in YAML(typ="safe", pure=True).load_all(content) if isinstance(one, dict)]
    except (YAMLError, UnicodeDecodeError):  # it is replaced, or refused as somebody's
        return []


def _named(kind: str, objects: Sequence[dict[str, Any]], part: str) -> dict[str, dict[str, Any]]:
    """Namespace and name of each object of a kind, and its ``part``."""
    return {
        f"{one['metadata'].get('namespace', '')}/{one['metadata']['name']}".strip("/"): one.get(part, {})
        for one in objects
        if one.get("kind") == kind
    }


def _inputs(objects: Sequence[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """StatefulSet, or ConfigMap of files -> those inputs of its steps that stay what they were -> their values."""
    maps, secrets = _named("ConfigMap", objects, "data"), _named("Secret", objects, "data")
    found: dict[str, dict[str, str]] = {}
    for name, spec in _named("StatefulSet", objects, "spec").items():
        steps = spec["template"]["spec"].get("initContainers", [])
        entries = [entry for step in steps for entry in step.get("env", [])]
        told = {entry["name"]: entry.get("value") or _secret(entry, name, secrets) for entry in entries}
        found[name] = {variable: value for variable, value in told.items() if variable in FIXED}
        if told.get("FAUCET_ENABLED") == "true" and told.get("VALIDATOR_SET") != "genesis":
            continue  # the faucet funds who joins, and the genesis knows nothing of them
        for place in (source["configMapRef"]["name"] for step in steps for source in step.get("envFrom", [])):
            found[name] |= {key: value for key, value in maps.get(_beside(name, place), {}).items() if key == _COUNT}
    for name, files in [*maps.items(), *_named("ConfigMap", objects, "binaryData").items()]:
        if name.endswith(_FILES):
            keys = {file: _VARIABLES.get(file, f"{SCRIPT} {file}") for file in files if file != CONFIG_OVERRIDES}
            found[name] = found.get(name, {}) | {key: files[file] for file, key in keys.items()}
    return found


def _secret(entry: dict[str, Any], pods: str, secrets: dict[str, dict[str, Any]]) -> str:
    """The value of a variable of ``pods`` that is in a Secret beside them."""
    source = entry.get("valueFrom", {}).get("secretKeyRef", {})
    encoded = secrets.get(_beside(pods, source.get("name", "")), {}).get(source.get("key"), "")
    return base64.b64decode(encoded).decode(errors="replace")


def _beside(name: str, other: str) -> str:
    """``other`` in the namespace of ``name``, both as `_named` has them."""
    return f"{name.rpartition('/')[0]}/{other}".strip("/")


def _differing(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [field for field in sorted({*before, *after}) if before.get(field) != after.get(field)]
