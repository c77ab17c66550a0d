"""What the steps read, as objects: the keys file in a Secret, and the plan's files in ConfigMaps."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from exposer.accounts.secret import Secret
from exposer.errors import BadInputError
from exposer.network import environment
from exposer.network.document import Document
from exposer.network.file.model import Network
from exposer.network.key_source import key_files
from exposer.network.kubernetes.containers import counted
from exposer.network.kubernetes.labels import Names, keys_name, metadata
from exposer.network.plan import Pod
from exposer.network.plan_files import PlanFile

LIMIT = 1 << 20
"""Bytes that the data of one object may have (https://kubernetes.io/docs/concepts/configuration/configmap/)."""

_FIELDS = {
    environment.GENESIS_PATCH: ("genesis",),
    environment.GENESIS_BALANCES: ("balances",),
    environment.CONFIG_OVERRIDES: ("config",),
    environment.GENESIS_BASE: ("genesis", "from"),
}


def keys(network: Network, content: Secret) -> dict[str, Any]:
    """The keys file and its parts: a Secret, or a ConfigMap for a network to throw away, whose keys are no secret."""
    about = metadata(network, keys_name(network))
    files = key_files(content)
    if network.throwaway:
        data = {name: file.reveal().decode() for name, file in files.items()}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "data": data}
    data = {name: base64.b64encode(file.reveal()).decode() for name, file in files.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": about, "type": "Opaque", "data": data}


def config_maps(files: Sequence[PlanFile], names: Names, document: Document) -> Iterator[dict[str, Any]]:
    """One ConfigMap for each volume that has files of the chain, or one Secret where these are private.

    Raises:
        BadInputError: they are more than one can hold.
    """
    for volume in dict.fromkeys(file.volume for file in files):
        contents = {file.name: file.content for file in files if file.volume == volume}
        _check_size(contents, names, document)
        encoded = {name: base64.b64encode(content).decode() for name, content in contents.items()}
        about = names.metadata(names.of_files(volume))
        if volume in names.private:
            yield {"apiVersion": "v1", "kind": "Secret", "metadata": about, "type": "Opaque", "data": encoded}
            continue
        text = {name: content.decode() for name, content in contents.items() if _is_text(content)}
        binary = {name: encoded[name] for name in contents if name not in text}
        yield {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": about,
            **({"data": text} if text else {}),
            **({"binaryData": binary} if binary else {}),
        }


def outside_values(values: Mapping[str, str], names: Names) -> Iterator[dict[str, Any]]:
    """What variables of the chain's steps got from ``${NAME}``: passwords may be among them."""
    data = {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}
    if data:
        about = names.metadata(names.outside)
        yield {"apiVersion": "v1", "kind": "Secret", "metadata": about, "type": "Opaque", "data": data}


def count(leader: Pod, names: Names) -> dict[str, Any]:
    """The number of pods and their exposers, for the steps of the genesis pod, the ``leader``."""
    data = {name: value for step in leader.steps for name, value in counted(step).items()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": names.metadata(names.count), "data": data}


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _check_size(contents: Mapping[str, bytes], names: Names, document: Document) -> None:
    total = sum(map(len, contents.values()))
    if total <= LIMIT:
        return
    largest = max(contents, key=lambda name: len(contents[name]))
    field = _FIELDS.get(largest, ("scripts",))
    place = document.network.chains.index(names.chain)
    raise BadInputError(
        document.source.fault(
            ("chains", place, *field),
            f"makes {len(contents[largest])} bytes, and all files of a chain must fit into one ConfigMap of {LIMIT}; "
            "put what is large into a genesis that pods fetch: genesis.from with a URL, and genesis.sha256",
        )
    )
