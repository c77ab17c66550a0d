"""Where a plan is carried out: what differs between this machine, a compose project and a cluster."""

from dataclasses import dataclass
from typing import Protocol

from exposer.network.chains import ChainFacts


@dataclass(frozen=True)
class PodPorts:
    """The TCP ports of one pod; in a container the well-known ones."""

    exposer: int = 8081
    p2p: int = 26656
    rpc: int = 26657
    rest: int = 1317
    grpc: int = 9090
    grpc_web: int = 9091
    json_rpc: int = 8545
    ws: int = 8546
    json_rpc_metrics: int = 6065
    metrics: int = 26660
    faucet: int = 8000


class Site(Protocol):
    """Answers the questions that a plan leaves open; every path and host is as the pod's own processes see it."""

    @property
    def bind_host(self) -> str:
        """The address that a pod's servers listen on."""

    @property
    def keys(self) -> str:
        """Path of the keys file."""

    @property
    def genesis_time(self) -> str:
        """RFC 3339 time for new genesis documents; empty leaves it to init-genesis."""

    def home(self, pod: str) -> str:
        """Root of the pod's volume: the node's home."""

    def faucet(self, pod: str) -> str:
        """Root of the second volume that a genesis pod with a faucet has."""

    def file(self, chain_id: str, name: str) -> str:
        """Path of one of the plan's files."""

    def given(self, path: str) -> str:
        """Path of a file that the network file names, seen from that file's directory."""

    def host(self, pod: str) -> str:
        """The name or address by which other pods reach the pod."""

    def ports(self, pod: str) -> PodPorts:
        """The ports of the pod."""

    def binary(self, facts: ChainFacts) -> str:
        """The chain's binary, as a step names it."""
