"""What ``chains[].config`` may not say: keys that the plan answers for, and values that no file of a node can have."""

from collections.abc import Iterator, Mapping

from exposer import comet_config
from exposer.network.file.model import Chain
from exposer.network.file.source import Fault, Location

_STEPS = "what exposer's steps write there; remove it"
_OWN = {
    "config.toml": {
        "p2p.laddr": "ports.p2p",
        "p2p.external_address": "ports.p2p",
        "rpc.laddr": "ports.rpc",
        "instrumentation.prometheus_listen_addr": "ports.metrics",
        "genesis_file": _STEPS,
        "node_key_file": _STEPS,
        "priv_validator_key_file": _STEPS,
        "priv_validator_state_file": _STEPS,
    },
    "app.toml": {
        "api.address": "ports.rest",
        "grpc.address": "ports.grpc",
        "grpc-web.address": "ports.grpc-web",
        "json-rpc.address": "ports.json-rpc",
        "json-rpc.ws-address": "ports.ws",
        "json-rpc.metrics-address": "what exposer chooses; remove it",
    },
    "client.toml": {"chain-id": "id", "node": "ports.rpc"},
}
"""File -> key that must be as the plan has it, for steps and other pods go by that -> what to use for it."""


def faults_of_files(chain: Chain) -> Iterator[Fault]:
    """Faults of what is said for all pods of ``chain``, and for single ones."""
    said = chain.config.model_dump(by_alias=True, exclude_defaults=True)
    pods = said.pop("pods", {})
    for at, files in ((("config",), said), *((("config", "pods", name), files) for name, files in pods.items())):
        for name, edits in files.items():
            for location, path, value in _leaves(edits, (*at, name), ()):
                if (text := _fault(name, path, value)) is not None:
                    yield location, text


def _fault(file: str, path: tuple[str, ...], value: object) -> str | None:
    if not all(path):
        return "is a key without a name; write the one that is meant behind the + or the dot"
    if instead := _OWN[file].get(".".join(path)):
        return f"is the plan's own, for steps and other pods go by it; use {instead}"
    if value is None:
        return "has no value, and TOML has no null; give it one, or leave it out"
    if value == {}:
        return "is a table without a key, which changes nothing; name the keys, or leave it out"
    if isinstance(value, list) and any(entry is None or isinstance(entry, Mapping) for entry in value):
        return "is a list of more than values; a node's files have lists of values alone"
    refused = file == "config.toml" and comet_config.fault(".".join(path), value)
    return f"is refused when the node starts: {refused}" if refused else None


def _leaves(
    edits: Mapping[str, object], at: Location, above: tuple[str, ...]
) -> Iterator[tuple[Location, tuple[str, ...], object]]:
    """Where each value stands in the network file, its path in the node's file, and the value."""
    for key, value in edits.items():
        path = (*above, *(part.removeprefix("+") for part in key.split(".")))
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*at, key), path)
        else:
            yield (*at, key), path, value
