"""Which chains cannot make their genesis again: without storage it goes with the genesis pod, and another one comes.

A ``cometbft`` chain's genesis follows from keys and a fixed time. That of an SDK chain has the time of its making in
it, and the identity of a random node key, unless the network file states both.
"""

from collections.abc import Iterator

from exposer.network.document import Document
from exposer.network.file.chains import resolve
from exposer.network.file.model import Chain
from exposer.network.file.scripts import STEPS

_TIME = "genesis_time"


def warnings(document: Document) -> Iterator[str]:
    """One line for each chain whose genesis is lost with its pod, with the cure."""
    if document.network.kubernetes.storage:
        return
    for place, chain in enumerate(document.network.chains):
        if not _remade(chain):
            text = (
                "without kubernetes.storage its genesis is lost with the genesis pod (deleted, evicted or drained), "
                "which cannot make it again; add kubernetes: {storage: {size: 10Gi}}, or state what decides it: "
                "identities: derived, and genesis: {genesis_time: …}"
            )
            yield document.source.fault(("chains", place, "id"), text)


def decided_by_scripts(chain: Chain, *steps: str) -> bool:
    """Whether a script of the user's does the work of one of ``steps``."""
    return any(STEPS[name] in steps for name, script in chain.scripts if script)


def _remade(chain: Chain) -> bool:
    if decided_by_scripts(chain, "init-genesis", "init-config"):
        return False
    derived = chain.identities == "derived" or chain.validators == "genesis"
    return resolve(chain).driver == "cometbft" or (derived and _TIME in chain.genesis.patch)
