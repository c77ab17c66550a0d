"""Which chains cannot go on when they lose their genesis pod: without storage its volume goes with it.

A pod whose keys are derived takes the genesis of the others and joins again (`init_scripts.founder`); random keys are
gone.
"""

from collections.abc import Iterator

from exposer.network.document import Document
from exposer.network.file.chains import resolve
from exposer.network.file.model import Chain

_UNASKED = (
    "with kubernetes.sidecar: classic a genesis pod that lost its volume cannot ask the others, and begins a second "
    "network, or signs the blocks of the first again; add kubernetes: {storage: {size: 10Gi}}, or sidecar: native"
)
_LOST = (
    "without kubernetes.storage the keys of its genesis pod are lost with the pod (deleted, evicted, drained), and it "
    "does not come back; add kubernetes: {storage: {size: 10Gi}}, or identities: derived"
)


def warnings(document: Document) -> Iterator[str]:
    """One line for each chain that does not survive the loss of its genesis pod, with the cure."""
    if document.network.kubernetes.storage:
        return
    for place, chain in enumerate(document.network.chains):
        if document.network.kubernetes.sidecar == "classic" and chain.num_validators > 1:
            text = _UNASKED
        elif not _joins_again(chain):
            text = _LOST
        else:
            continue
        yield document.source.fault(("chains", place, "id"), text)


def _joins_again(chain: Chain) -> bool:
    derived = chain.identities == "derived" or chain.validators == "genesis"
    return resolve(chain).driver == "cometbft" or (derived and chain.num_validators > 1)
