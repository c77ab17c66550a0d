"""What a new rendering finds of the one before it: what nobody can change any more, and what is left over."""

import base64
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

import exposer
from exposer.errors import ConflictError
from exposer.network.environment import CHANGEABLE, DEFAULTS, FIELDS, FIXED, SCRIPT
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


_BECOMES = {"RollingUpdate": "its pods are replaced", "OnDelete": "its pods stay as they are until you delete them"}
"""What its edited template means for the pods of a StatefulSet, by its update strategy."""
_VERSION = f"(exposer {exposer.__version__};".encode()
_OF_FILES = {"GENESIS_PATCH", "GENESIS_BALANCES", "GENESIS_FROM", "CONFIG_OVERRIDES", SCRIPT, "UPDATE_SCRIPT"}
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")
Objects = Sequence[dict[str, Any]]


def edited(directory: Path, files: Sequence[RenderedFile]) -> dict[str, str]:
    """StatefulSet -> what becomes of its pods, where they are others than those that were rendered to ``directory``.

    Raises:
        ConflictError: what may be in a cluster by now cannot become what it is in ``files``: ``kubectl apply`` would
            find out halfway that an object cannot change, and each pod that its genesis cannot.
    """
    texts = {path: path.read_bytes() for path in _made(directory)}
    if not texts:
        return {}
    names = ", ".join(path.name for path in texts)  # the network file may lie beside them
    try:
        before = [one for text in texts.values() for one in _objects(text)]
        after = [one for file in files if file.path.endswith(".yaml") for one in _objects(file.content)]
        same_version = all(_VERSION in text.partition(b"\n")[0] for text in texts.values())
        faults = [*_faults(before, after, same_version=same_version)]
        former, now = _named("StatefulSet", before), _named("StatefulSet", after)
    except (YAMLError, LookupError, TypeError, AttributeError, ValueError) as error:
        raise ConflictError(
            f"{directory}: a manifest there is not as it was rendered, so that a new one cannot be compared with it; "
            f"restore it, or, where its network runs nowhere, remove what was rendered ({names})"
        ) from error
    if faults:
        apply = "-k" if (directory / "kustomization.yaml").exists() else "-f"
        raise ConflictError(
            f"{directory}: this differs from what is rendered there, and a network that runs cannot take it:\n"
            + "".join(f"    {fault}\n" for fault in faults)
            + f"Put it back. Or delete that network (kubectl delete {apply} {directory}) and its claims, remove what "
            f"was rendered ({names}), and render again"
        )
    return {
        name: _BECOMES[one["spec"]["updateStrategy"]["type"]]
        for name, one in now.items()
        if name in former
        and former[name]["metadata"].get("namespace") == one["metadata"].get("namespace")
        and former[name]["spec"]["template"] != one["spec"]["template"]
    }


def _faults(before: Objects, after: Objects, *, same_version: bool) -> Iterator[str]:
    namespaces = {one["metadata"].get("namespace") for one in (*before, *after) if "metadata" in one} - {None}
    if len(namespaces) > 1:  # another one, in which none of these pods is
        return
    yield from _immutable(before, after)
    yield from _conflicts(before, after, same_version=same_version)


def _immutable(before: Objects, after: Objects) -> Iterator[str]:
    former = _named("StatefulSet", before)
    for name, one in _named("StatefulSet", after).items():
        if name in former:
            fields = _differing(former[name]["spec"], one["spec"])
            for field in [field for field in fields if field not in _MAY_CHANGE]:
                yield f"{_FIELDS.get(field, f'spec.{field}')}: Kubernetes lets nobody change it (StatefulSet {name})"


def _conflicts(before: Objects, after: Objects, *, same_version: bool) -> Iterator[str]:
    then, now = _Inputs(before), _Inputs(after)
    changed: dict[str, list[str]] = {}
    for pods in sorted(then.sets.keys() & now.sets.keys()):
        for variable in then.differing(now, pods, one_sided=same_version):
            changed.setdefault(variable, []).append(pods)
    for variable, sets in changed.items():
        field = FIELDS.get(variable)
        where = f"chains[].{field} ({variable})" if field else variable
        yield f"{where}: complete pods of {', '.join(sets)} would stop with exit code 5"
    if any(not grows(keys, now.keys[name]) for name, keys in then.keys.items() if name in now.keys):
        yield "keys: they are other ones: complete pods would stop with exit code 5"


class _Inputs:
    """What the steps of a rendering read, by StatefulSet, step and variable."""

    def __init__(self, objects: Objects) -> None:
        self._data: dict[str, dict[str, str]] = {}
        for kind in ("ConfigMap", "Secret"):
            for name, one in _named(kind, objects).items():
                self._data[name] = {**(one.get("data") or {}), **(one.get("binaryData") or {})}
                if kind == "Secret":
                    self._data[name] = {key: _decoded(value) for key, value in self._data[name].items()}
        self.sets = {name: one["spec"]["template"]["spec"] for name, one in _named("StatefulSet", objects).items()}
        self.keys = {name: data["keys.json"] for name, data in self._data.items() if "keys.json" in data}

    def differing(self, other: "_Inputs", pods: str, *, one_sided: bool) -> list[str]:
        """The variables whose other value, or whose file's other content, a complete pod refuses.

        Where only one of the two has a variable, that counts if ``one_sided``: another version may have said nothing.
        """
        mine, theirs = self.steps(pods), other.steps(pods)
        return sorted(
            {
                variable
                for step in mine.keys() & theirs.keys()
                for variable in mine[step].keys() | theirs[step].keys()
                if one_sided or variable in mine[step].keys() & theirs[step].keys()
                if _differ(variable, mine[step].get(variable, ""), theirs[step].get(variable, ""))
            }
        )

    def steps(self, pods: str) -> dict[str, dict[str, str | None]]:
        """Step -> variable -> value, of those that may not change; None where what has it is not there."""
        steps = self.sets[pods].get("initContainers", [])
        return {step["name"]: dict(self._fixed(step, pods.rpartition("-")[0])) for step in steps}

    def _fixed(self, step: dict[str, Any], chain: str) -> Iterator[tuple[str, str | None]]:
        told = {entry["name"]: self._value(entry) for entry in step.get("env") or ()}
        for source in step.get("envFrom") or ():
            told |= self._data.get(source.get("configMapRef", {}).get("name"), {})
        told = {**(DEFAULTS if told.get("CHAIN_DRIVER") == "cosmos" else {}), **told}
        names = FIXED | (CHANGEABLE.get(step["name"], frozenset()) if SCRIPT in told else set())
        if told.get("FAUCET_ENABLED") != "true" or told.get("VALIDATOR_SET") == "genesis":
            names |= {"NUM_VALIDATORS"}  # else the faucet funds who joins, and the genesis knows nothing of them
        mounts = {mount["mountPath"]: mount["name"] for mount in step.get("volumeMounts") or ()}
        for variable in told.keys() & names:
            directory, _, file = (told[variable] or "").rpartition("/")
            of_file = variable in _OF_FILES and directory in mounts
            yield variable, self._data.get(f"{chain}-{mounts[directory]}", {}).get(file) if of_file else told[variable]

    def _value(self, entry: dict[str, Any]) -> str | None:
        source = (entry.get("valueFrom") or {}).get("secretKeyRef")
        return self._data.get(source["name"], {}).get(source["key"]) if source else str(entry.get("value", ""))


def grows(before: str | bytes, after: str | bytes) -> bool:
    """Whether every key of one keys file is in its place in the other too."""
    try:
        former, now = json.loads(before), json.loads(after)
        return all(now.get(role, [])[: len(entries)] == entries for role, entries in former.items())
    except (ValueError, AttributeError, TypeError):  # it is none
        return False


def _differ(variable: str, one: str | None, other: str | None) -> bool:
    """Whether a complete step refuses the other value, as far as both are known."""
    return one is not None and other is not None and not _same(variable, one, other)


def _same(variable: str, one: str, other: str) -> bool:
    if variable == "CODE_REPO":
        return _CREDENTIALS.sub("", one) == _CREDENTIALS.sub("", other)
    if variable == "UPGRADES":  # each plan is a step of its own, and there may be more of them
        plans = [dict(plan.partition("=")[::2] for plan in text.split(",")) for text in (one, other)]
        return all(plans[0][name] == plans[1][name] for name in plans[0].keys() & plans[1].keys())
    return one == other


def left_over(directory: Path, files: Sequence[RenderedFile], what: str) -> Iterator[Path]:
    """Files that an earlier ``exposer render <what>`` made there and this one does not: of a chain that is gone."""
    names = {file.path for file in files}
    yield from (path for path in _made(directory, what) if path.name not in names)


def _made(directory: Path, what: str = "k8s") -> list[Path]:
    """The YAML files there that ``exposer render <what>`` made."""
    found = (path for path in sorted(directory.glob("*.yaml")) if path.is_file())
    return [path for path in found if path.read_bytes().startswith(MADE + what.encode() + b" ")]


def _objects(content: bytes) -> list[dict[str, Any]]:
    return [one for one in YAML(typ="safe", pure=True).load_all(content) if isinstance(one, dict)]


def _named(kind: str, objects: Objects) -> dict[str, dict[str, Any]]:
    """The objects of a kind, by their names."""
    return {one["metadata"]["name"]: one for one in objects if one.get("kind") == kind}


def _decoded(value: str) -> str:
    return base64.b64decode(value, validate=True).decode(errors="replace")


def _differing(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [field for field in sorted({*before, *after}) if before.get(field) != after.get(field)]
