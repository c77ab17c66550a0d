"""Names that orchestrators accept (RFC 1123 labels) for the pods of a chain."""

import re

from exposer.network.model import Chain


def pod_prefix(chain_id: str) -> str:
    """What the names of a chain's pods begin with: its id in lower case, other characters as dashes."""
    return re.sub(r"[^a-z0-9-]", "-", chain_id.lower()).strip("-")


def pod_names(chain: Chain) -> list[str]:
    """The names of a chain's pods, the genesis pod's first; a site may need them before there is a plan."""
    prefix = pod_prefix(chain.id)
    return [f"{prefix}-genesis-0", *(f"{prefix}-validator-{ordinal}" for ordinal in range(chain.num_validators - 1))]
