"""Names of the objects and the labels they are found by (https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/)."""

from dataclasses import dataclass
from typing import Any

from exposer.network.file.model import Chain, Network
from exposer.network.names import dns_label, pod_prefix, set_name
from exposer.network.site import Role, Volume

_KEY = "app.kubernetes.io/"
PART_OF = f"{_KEY}part-of"
INSTANCE = f"{_KEY}instance"
COMPONENT = f"{_KEY}component"

Labels = dict[str, str]


@dataclass(frozen=True)
class Names:
    """What the objects of one chain are called, and labelled with.

    ``secret`` are variables that came from outside the network file, ``private`` volumes whose files have such values.
    """

    network: Network
    chain: Chain
    secret: frozenset[str] = frozenset()
    private: frozenset[Volume] = frozenset()

    @property
    def prefix(self) -> str:
        """What all of them begin with."""
        return pod_prefix(self.chain.id)

    def of_set(self, role: Role) -> str:
        """A StatefulSet and its headless Service."""
        return set_name(self.chain.id, role)

    @property
    def keys(self) -> str:
        """The object that holds the keys file of all chains."""
        return keys_name(self.network)

    def of_files(self, volume: Volume) -> str:
        """The ConfigMap, or the Secret, of the files that a volume has."""
        return f"{self.prefix}-{volume}"

    @property
    def count(self) -> str:
        """The ConfigMap of what follows from the number of pods."""
        return f"{self.prefix}-count"

    @property
    def outside(self) -> str:
        """The Secret of what variables of the network file came from outside."""
        return f"{self.prefix}-env"

    @property
    def selector(self) -> Labels:
        """All pods of the chain."""
        return {PART_OF: dns_label(self.network.name), INSTANCE: self.prefix}

    def selector_of(self, role: Role) -> Labels:
        """The pods of one role."""
        return {**self.selector, COMPONENT: role}

    def metadata(self, name: str, component: str = "") -> dict[str, Any]:
        """An object's metadata; ``component`` is what part of the chain it is."""
        labels = {f"{_KEY}name": self.chain.name, **self.selector, **({COMPONENT: component} if component else {})}
        return metadata(self.network, name, labels)


def keys_name(network: Network) -> str:
    """The Secret, or the ConfigMap, of the keys file."""
    return f"{dns_label(network.name)}-keys"


def metadata(network: Network, name: str, labels: Labels | None = None) -> dict[str, Any]:
    """Of an object: in the file's namespace, or else in the one that it is applied to."""
    namespace = network.kubernetes.namespace
    return {
        "name": name,
        **({"namespace": namespace} if namespace else {}),
        "labels": {**(labels or {PART_OF: dns_label(network.name)}), f"{_KEY}managed-by": "exposer"},
    }
