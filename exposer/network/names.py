"""Names that orchestrators accept (RFC 1123 labels) for the pods of a chain."""

import re


def pod_prefix(chain_id: str) -> str:
    """What the names of a chain's pods begin with: its id in lower case, other characters as dashes."""
    return re.sub(r"[^a-z0-9-]", "-", chain_id.lower()).strip("-")
