"""The keys of a node's files that a user sets: ``CONFIG_OVERRIDES``, for all pods of a chain and for single ones."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exposer.errors import BadInputError
from init_scripts.toml import Edits

FILES = ("config.toml", "app.toml", "client.toml")
_FIELD = "CONFIG_OVERRIDES"
_SHAPE = "{file: {table: {key: value}}}"


def load_overrides(path: Path, pod: str) -> Mapping[str, list[Edits]]:
    """File -> what the JSON at ``path`` sets in it for ``pod``: what it says for all pods, then what for this one.

    Args:
        path: ``{file: {table: {key: value}}, "pods": {pod: {file: ...}}}``.
        pod: the pod's short name: ``genesis-0``, ``validator-1``.

    Raises:
        BadInputError: it cannot be read, or has another form.
    """
    document = _mapping(_load(path), _FIELD)
    pods = _mapping(document.pop("pods", {}), f"{_FIELD}: pods")
    if unknown := [name for name in pods if not re.fullmatch(r"genesis-0|validator-[0-9]+", name)]:
        raise BadInputError(f"{_FIELD}: pods: {', '.join(unknown)} is no pod; there are genesis-0, validator-0, ...")
    own = f"{_FIELD}: pods: {pod}"
    found: dict[str, list[Edits]] = {}
    for where, files in ((_FIELD, document), (own, _mapping(pods.get(pod, {}), own))):
        for name, edits in files.items():
            if name not in FILES:
                raise BadInputError(f"{where}: {name} is not a file of a node; there are {', '.join(FILES)}")
            found.setdefault(name, []).append(_mapping(edits, f"{where}: {name}"))
    return found


def _load(path: Path) -> object:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise BadInputError(f"{_FIELD}: {path}: {error.strerror}; mount the file there") from error
    except ValueError as error:
        raise BadInputError(f"{_FIELD}: not JSON ({error}); write {_SHAPE}") from None


def _mapping(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadInputError(f"{where}: not a JSON object; write {_SHAPE}")
    return value
