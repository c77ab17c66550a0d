"""The files that the steps of a chain's pods read: what the network file says, as the steps want to have it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exposer.network import environment
from exposer.network.file.model import Chain
from exposer.network.file.scripts import scripts_of
from exposer.network.site import Site, Volume


@dataclass(frozen=True)
class PlanFile:
    """A file in a volume that all pods of a chain have."""

    chain: str
    volume: Volume
    name: str
    content: bytes


def chain_files(chain: Chain, site: Site, directory: Path) -> Iterator[PlanFile]:
    """``genesis``, ``balances`` and ``config`` of one chain as JSON, its scripts, and the genesis to start from.

    Raises:
        BadInputError: a file that the network file names cannot be read.
    """
    contents = {
        environment.GENESIS_PATCH: chain.genesis.patch,
        environment.GENESIS_BALANCES: [balance.model_dump(exclude_none=True) for balance in chain.balances],
        environment.CONFIG_OVERRIDES: chain.config.model_dump(by_alias=True, exclude_defaults=True),
    }
    for name, content in contents.items():
        if content:
            text = json.dumps(content, indent=2, ensure_ascii=False)
            yield PlanFile(chain.id, "patch", name, text.encode() + b"\n")
    source = chain.genesis.source
    if source and "://" not in source and (base := site.content(source)) is not None:
        yield PlanFile(chain.id, "patch", environment.GENESIS_BASE, base)
    for step, script in scripts_of(chain, directory).items():
        yield PlanFile(chain.id, "scripts", step, script)
