"""What a Starship configuration says to other tools: left out with a warning, refused with ``--strict``."""

from collections.abc import Iterator
from typing import Any

from exposer.network.file.source import Location

TOP = (
    *("relayers", "explorer", "registry", "ingress", "monitoring", "frontends"),
    *("nameOverride", "fullnameOverride", "nodeSelector", "tolerations", "affinity"),
)
OF_CHAIN = ("prettyName", "assets")
OF_SCRIPTS = ("transferTokens", "chainRpcReady", "ibcConnection", "createICS")
"""Starship's scripts that no step stands for: create-validator asks the faucet itself, a node's readiness is
``readinessProbe``, and the other two are relayers' and providers'."""


def take_outside(data: dict[str, Any]) -> Iterator[Location]:
    """Remove all of it; yields where it was."""
    yield from _taken(data, TOP, ())
    chains = data.get("chains")
    for place, chain in enumerate(chains if isinstance(chains, list) else []):
        if isinstance(chain, dict):
            yield from _taken(chain, OF_CHAIN, ("chains", place))
            if isinstance(scripts := chain.get("scripts"), dict):
                yield from _taken(scripts, OF_SCRIPTS, ("chains", place, "scripts"))


def verbatim(location: Location) -> bool:
    """Whether a value's dollar signs are its own: those of scripts are the shell's, and of all this another tool's."""
    if not location or location[0] in TOP:
        return bool(location)
    return location[2:3] == ("assets",) or (location[2:3] == ("scripts",) and location[4:] == ("data",))


def _taken(mapping: dict[str, Any], names: tuple[str, ...], at: Location) -> Iterator[Location]:
    for name in names:
        if name in mapping:
            del mapping[name]
            yield (*at, name)
