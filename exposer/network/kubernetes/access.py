"""Who reaches a chain's pods, who watches them, and how many may be taken away at once."""

from collections.abc import Sequence
from typing import Any

from exposer.network.file.scripts import scripted
from exposer.network.kubernetes.containers import port_name
from exposer.network.kubernetes.labels import COMPONENT, PART_OF, Names
from exposer.network.kubernetes.stateful_set import service_ports
from exposer.network.names import peers_name
from exposer.network.plan import Pod

_DNS = 53


def service(leader: Pod, names: Names) -> dict[str, Any]:
    """The genesis pod for those who use the chain, once it is ready; peers have the headless Services."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": names.metadata(names.prefix, "access"),
        "spec": {
            "selector": names.selector_of("genesis"),
            "ports": [port for port in service_ports(leader) if port["name"] != "p2p"],
        },
    }


def meeting_point(leader: Pod, names: Names) -> dict[str, Any]:
    """The genesis pod for its peers, ready or not, at an address that stays.

    A node looks up a peer's name once, when it starts, and skips a peer without an address; a pod that takes another's
    place has another address. (CometBFT, p2p/switch.go: DialPeersAsync, reconnectToPeer.)
    """
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": names.metadata(peers_name(names.of_set("genesis")), "peers"),
        "spec": {
            "publishNotReadyAddresses": True,
            "selector": names.selector_of("genesis"),
            "ports": [port for port in service_ports(leader) if port["name"] == "p2p"],
        },
    }


def network_policy(pods: Sequence[Pod], names: Names) -> dict[str, Any]:
    """Peers are pods of the network; the other ports are open to the namespace, metrics to whoever scrapes them.

    Pods reach each other and the cluster's DNS, and all the world where they have to: for sources, or for a genesis.
    """
    of_network = {"podSelector": {"matchLabels": {PART_OF: names.selector[PART_OF]}}}
    listening = {name: port for pod in pods for container in pod.containers for name, port in container.ports.items()}
    peers = [{"port": listening["p2p"], "protocol": "TCP"}]
    others = [{"port": port, "protocol": "TCP"} for name, port in listening.items() if name != "p2p"]
    ingress = [{"from": [of_network], "ports": peers}, {"from": [{"podSelector": {}}], "ports": others}]
    if names.network.kubernetes.service_monitor:
        scraped = [{"port": listening[name], "protocol": "TCP"} for name in _scraped(names)]
        ingress.append({"from": [{"namespaceSelector": {}}], "ports": scraped})
    dns = {"ports": [{"port": _DNS, "protocol": "UDP"}, {"port": _DNS, "protocol": "TCP"}]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": names.metadata(names.prefix),
        "spec": {
            "podSelector": {"matchLabels": names.selector},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": ingress,
            "egress": [{}] if _goes_out(pods, names) else [dns, {"to": [of_network]}],
        },
    }


def disruption_budget(pods: Sequence[Pod], names: Names) -> dict[str, Any]:
    """As many at once as the chain goes on without: more than two thirds of the power must stay (CometBFT).

    All validators have the same power unless a script or a genesis of the user's decides it: then nobody knows, and the
    budget allows none. Below four validators none can be missed, and a drain waits for a person.
    """
    chain = names.chain
    by_script = scripted(chain, "init-genesis") or scripted(chain, "create-validator")
    unknown = by_script or chain.genesis.source or "validators" in chain.genesis.patch
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": names.metadata(names.prefix),
        "spec": {
            "maxUnavailable": 0 if unknown else (len(pods) - 1) // 3,
            "selector": {"matchLabels": names.selector},
            # A pod that never got ready must not hold up a drain. Pods of a chain that stands still are not ready
            # either: where their state is lost with them, they count as the others do.
            "unhealthyPodEvictionPolicy": "AlwaysAllow" if names.network.kubernetes.storage else "IfHealthyBudget",
        },
    }


def service_monitor(names: Names) -> dict[str, Any]:
    """What the Prometheus operator scrapes of every pod: its sidecar, and its node where that has metrics."""
    roles = {"key": COMPONENT, "operator": "In", "values": ["genesis", "validator"]}
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": names.metadata(names.prefix),
        "spec": {
            "selector": {"matchLabels": names.selector, "matchExpressions": [roles]},
            "endpoints": [{"port": port_name(name)} for name in _scraped(names)],
        },
    }


def _scraped(names: Names) -> list[str]:
    return ["exposer", *(["metrics"] if names.chain.metrics else [])]


def _goes_out(pods: Sequence[Pod], names: Names) -> bool:
    return any(pod.builds for pod in pods) or "://" in (names.chain.genesis.source or "")
