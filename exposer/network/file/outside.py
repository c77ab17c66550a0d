"""What a Starship configuration says to other tools: left out with a warning, refused with ``--strict``."""

import re
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


_ITS_EXPOSER = re.compile(r"(.*/)?starship/exposer([:@].*)?")
"""Starship's image of its own server, which has none of the steps."""


def take_outside(data: dict[str, Any]) -> Iterator[Location]:
    """Remove all of it, but for the names of the relayers; yields where it was."""
    relayers = data.get("relayers")
    yield from _taken(data, TOP, ())
    if isinstance(relayers, list):
        data["relayers"] = [str(one.get("name", "")) if isinstance(one, dict) else str(one) for one in relayers]
    exposer = data.get("exposer")
    if isinstance(exposer, dict) and _ITS_EXPOSER.fullmatch(str(exposer.get("image"))):
        yield from _taken(exposer, ("image",), ("exposer",))
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
