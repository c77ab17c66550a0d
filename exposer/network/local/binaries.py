"""The programs of this machine that a network needs: the binaries of its chains, and what builds and upgrades them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from exposer.errors import BadInputError
from exposer.network.document import Document
from exposer.network.file.chains import ChainFacts, is_module, resolve, versions_of
from exposer.network.file.model import Chain
from exposer.network.file.source import Location

COMETBFT_CURE = "go install github.com/cometbft/cometbft/cmd/cometbft@v0.38.17"
_CURES = {
    "go": "install it (https://go.dev/dl), it builds the binary",
    "git": "install it, it fetches the source",
    "cosmovisor": "go install cosmossdk.io/tools/cosmovisor/cmd/cosmovisor@v1.5.0, and put it on PATH",
}


def find_binaries(document: Document) -> dict[str, str]:
    """Chain id -> path of the program that its nodes are started with, or are built by.

    A cometbft chain's may be missing: its steps need none, and the network comes up without nodes.

    Raises:
        BadInputError: a program that another chain needs is not on this machine.
    """
    found: dict[str, str] = {}
    faults = []
    for place, chain in enumerate(document.network.chains):
        for field, name, cure in _needed(chain, document.directory):
            path = shutil.which(name)
            if path:
                found.setdefault(chain.id, path)
            elif cure:
                text = f"{name} is not on this machine; {cure}"
                faults.append(document.source.fault(("chains", place, *field), text))
    if faults:
        raise BadInputError("\n".join(faults))
    return found


def binary_name(facts: ChainFacts, directory: Path) -> str:
    """A name stays one; a path is taken from the network file's ``directory``."""
    return str((directory / facts.binary).resolve()) if "/" in facts.binary else facts.binary


def _needed(chain: Chain, directory: Path) -> Iterator[tuple[Location, str, str]]:
    """Field, program, and what to do where it is not there (nothing: go on without), that of the nodes first."""
    facts, versions = resolve(chain), versions_of(chain)
    if versions:
        field = ("upgrade" if versions.cosmovisor else "build", "enabled")
        needed = ["cosmovisor"] * versions.cosmovisor + ["go"]
        needed += ["git"] * (not all(map(is_module, versions.all)))
        yield from ((field, name, _CURES[name]) for name in needed)
        return
    cure = f"put it on PATH (source: {facts.source})" if facts.source else "put it on PATH"
    wanted = f"{cure}, or give its path here" if facts.driver == "cosmos" else ""
    yield ("binary",), binary_name(facts, directory), wanted
