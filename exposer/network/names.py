"""Names that orchestrators accept (RFC 1123 and RFC 1035 labels) for networks, chains and the pods of a chain."""

import hashlib
import re

from exposer.network.file.model import Chain
from exposer.network.site import Role

_LONGEST = 42
"""Kubernetes labels the pods of a StatefulSet with its name, a dash and ten more characters, 63 in all."""


def dns_label(text: str, longest: int = _LONGEST) -> str:
    """``text`` in lower case with other characters as dashes; too long a one is cut, and told apart by a digest."""
    label = re.sub(r"[^a-z0-9-]", "-", text.lower()).strip("-")
    label = label if label[:1].isalpha() else f"chain-{label}"
    if len(label) <= longest:
        return label
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{label[: longest - len(digest) - 1].rstrip('-')}-{digest}"


def pod_prefix(chain_id: str) -> str:
    """What the names of a chain's pods begin with."""
    return dns_label(chain_id)


def set_name(chain_id: str, role: Role) -> str:
    """The pods of one role, without their ordinals: a StatefulSet, and the Service that its pods' names are below."""
    return f"{pod_prefix(chain_id)}-{role}"


def peers_name(pods: str) -> str:
    """The Service by which peers find the first pod of a StatefulSet: its address is the same for every pod to come."""
    return f"{pods}-p2p"


def exposers_name(leader: str) -> str:
    """The name that all exposers of a chain share in a compose project, by its genesis pod."""
    return f"{leader.removesuffix('-genesis-0')}-exposers"


def pod_names(chain: Chain) -> list[str]:
    """The names of a chain's pods, the genesis pod's first; a site may need them before there is a plan."""
    validator = set_name(chain.id, "validator")
    leader = f"{set_name(chain.id, 'genesis')}-0"
    return [leader, *(f"{validator}-{ordinal}" for ordinal in range(chain.num_validators - 1))]
