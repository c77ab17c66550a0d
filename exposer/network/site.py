"""Where a plan is carried out: what differs between this machine, a compose project and a cluster."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from exposer.network.file.chains import ChainFacts
from exposer.network.file.model import Chain

Role = Literal["genesis", "validator"]
Volume = Literal["node", "keys", "patch", "scripts", "faucet", "binary"]
"""The volumes of a pod: the node's home; the keys; files and scripts made from the network file; the faucet's own; and
the chain's binary, where it comes out of an image of its own."""
Server = Literal["node", "p2p", "exposer", "faucet"]
"""What of a pod others talk to; a node's peers look its name up once, when they start (`p2p`)."""
Way = Literal["present", "copied", "volume"]
"""How a chain's binary reaches the steps: it is where they are, a container of its image copies it, or its image is
mounted."""


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


_STEPS = {"exposer": 1, "faucet": 1}
_STEP = 100
"""How far the preferred ports of two neighbouring pods are apart: 8081, 8082, ... but 26657, 26757, ..."""


def preferred(name: str, place: int) -> int:
    """The port that the pod at ``place`` of the plan gets where it is free."""
    port: int = PodPorts.__dict__[name]
    return port + place * _STEPS.get(name, _STEP)


class Site(Protocol):
    """Answers the questions that a plan leaves open; every path and host is as the pod's own programs see it."""

    @property
    def bind_host(self) -> str:
        """The address that a pod's servers listen on."""

    @property
    def keys(self) -> str:
        """Path of the keys file."""

    def genesis_time(self, facts: ChainFacts) -> str:
        """RFC 3339 time for a chain's new genesis; empty leaves it to init-genesis."""

    def directory(self, volume: Volume, pod: str, chain_id: str) -> str:
        """Where a pod of the chain has the volume."""

    def given(self, path: str) -> str:
        """Path of a file that the network file names, seen from that file's directory."""

    def content(self, path: str) -> bytes | None:
        """That file's content where it has to travel with the plan, None where pods see the file itself."""

    def scratch(self, pod: str) -> str:
        """A directory that the pod's node may write to besides its home."""

    def host(self, pod: str, server: Server) -> str:
        """The name or address by which other pods reach the server."""

    def exposers(self, pods: Sequence[str]) -> Sequence[str]:
        """The exposers of these pods, all of one chain, as host:port, that answer while init steps run.

        A host may stand for several, new ones too; there are none where they start behind the steps.
        """

    def beside(self, pod: str, server: Server) -> str:
        """The one by which the pod's own programs reach it."""

    def ports(self, pod: str) -> PodPorts:
        """The ports of the pod."""

    def way(self, chain: Chain) -> Way:
        """How the chain's binary reaches the steps."""

    def binary(self, facts: ChainFacts, way: Way) -> str:
        """The chain's binary, as a step names it."""

    def image(self, chain: Chain, container: str) -> str:
        """The image of a pod's container; empty where it is a process."""
