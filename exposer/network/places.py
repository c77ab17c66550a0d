"""A compose project and a Kubernetes cluster as the sites of a plan: volumes at fixed paths, ports that are well known.

The genesis of a CometBFT chain gets a fixed time: everything else in it follows from the keys, so that a genesis pod
that has lost its volume makes the very same genesis again. What an SDK binary makes cannot be made twice.
"""

from collections.abc import Sequence
from pathlib import Path

import exposer
from exposer.errors import BadInputError, from_input_error
from exposer.network.environment import GENESIS_BASE, daemon
from exposer.network.file.chains import ChainFacts, resolve, versions_of
from exposer.network.file.model import Chain, Network
from exposer.network.names import exposers_name, peers_name
from exposer.network.site import PodPorts, Server, Volume, Way

DIRECTORIES: dict[Volume, str] = {
    "node": "/chain",
    "keys": "/configs",
    "patch": "/patch",
    "scripts": "/scripts",
    "faucet": "/faucet",
    "binary": "/chain-bin",
}
"""Volume -> where every container that has it has it."""
SCRATCH = "/tmp"  # noqa: S108 - a volume of the container's own in both
IMAGE = f"exposer:{exposer.__version__}"
"""The image of this version, where the network file names none."""
GENESIS_TIME = "2026-01-01T00:00:00Z"
_OF_THE_CHAIN = frozenset({"node", "copy-binary"})
_OF_OURS = frozenset({"exposer", "faucet", "wait-for-chains"})
"""Containers that never need the chain's binary."""


class _Place:
    """What compose and Kubernetes have in common."""

    bind_host = "0.0.0.0"  # noqa: S104 - a pod's peers come from other pods
    keys = f"{DIRECTORIES['keys']}/keys.json"

    def __init__(self, network: Network, directory: Path) -> None:
        self._network = network
        self._directory = directory

    def genesis_time(self, facts: ChainFacts) -> str:
        """Fixed where the genesis can be made again, else the time of its making."""
        return GENESIS_TIME if facts.driver == "cometbft" else ""

    def directory(self, volume: Volume, _pod: str, _chain_id: str) -> str:
        """The same in every pod."""
        return DIRECTORIES[volume]

    def given(self, _path: str) -> str:
        """It travels with the plan."""
        return f"{DIRECTORIES['patch']}/{GENESIS_BASE}"

    def content(self, path: str) -> bytes:
        """The file's bytes; raises `BadInputError` where it cannot be read."""
        try:
            return (self._directory / path).read_bytes()
        except OSError as error:
            what = f"genesis.from: {self._directory / path}"
            raise from_input_error(error, what, "name a file that is there") from error

    def scratch(self, _pod: str) -> str:
        """The one place that is writable besides the volumes."""
        return SCRATCH

    def ports(self, _pod: str) -> PodPorts:
        """The well-known ones, and the exposer's as the file wants it."""
        stated = self._network.exposer.ports and self._network.exposer.ports.rest
        return PodPorts(exposer=stated) if stated else PodPorts()

    def way(self, chain: Chain) -> Way:
        """As the network file says; else out of the chain's image, where one is known."""
        stated = self._network.images.binary
        if versions_of(chain) or stated == "same" or (stated is None and not resolve(chain).image):
            return "present"
        return stated or "copied"

    def binary(self, facts: ChainFacts, way: Way) -> str:
        """A name on PATH, or a path in the volume; raises `BadInputError` for a path that starts on this machine."""
        if "/" in facts.binary and not facts.binary.startswith("/"):
            raise BadInputError(
                f"binary: {facts.binary} is a path from the network file, which no image has; write a name on the "
                "image's PATH, or an absolute path in it"
            )
        at = DIRECTORIES["binary"]
        return {"present": facts.binary, "copied": f"{at}/{daemon(facts)}", "volume": f"{at}{facts.binary}"}[way]

    def image(self, chain: Chain, container: str) -> str:
        """Ours, the chain's, or the one that has what a build takes.

        Raises:
            BadInputError: an image is needed that nobody names.
        """
        ours, images = self._network.exposer.image or IMAGE, self._network.images
        if container in _OF_OURS:
            return ours
        if versions := versions_of(chain):
            if (container == "init-build-images" or (container == "node" and versions.cosmovisor)) and not images.build:
                raise BadInputError(
                    "images.build: is required where a chain is built in containers; name an image with exposer, go, "
                    "git and, for upgrades, cosmovisor (docker/build.Dockerfile makes one)"
                )
            return images.build or ours
        if self.way(chain) == "present" or container in _OF_THE_CHAIN:
            return resolve(chain).image or ours
        return ours


class ComposeProject(_Place):
    """A `Site`: every container is a service of its own, with a name and an address of its own."""

    def host(self, pod: str, server: Server) -> str:
        """The service of that name."""
        return pod if server in {"node", "p2p"} else f"{pod}-{server}"

    beside = host

    def exposers(self, pods: Sequence[str]) -> Sequence[str]:
        """One alias for all of them, so that no service changes when there are more."""
        return [f"{exposers_name(pods[0])}:{self.ports(pods[0]).exposer}"]


class Cluster(_Place):
    """A `Site`: a Kubernetes namespace, in which a pod's containers share one address."""

    def host(self, pod: str, server: Server) -> str:
        """The pod's name below that of its headless Service; for peers, a Service whose address outlives the pod."""
        pods = pod.rpartition("-")[0]
        return peers_name(pods) if server == "p2p" else f"{pod}.{pods}"

    def exposers(self, pods: Sequence[str]) -> Sequence[str]:
        """Their headless Services, whose names are those of all their pods; a classic sidecar serves too late."""
        if self._network.kubernetes.sidecar == "classic":
            return []
        services = dict.fromkeys(pod.rpartition("-")[0] for pod in pods)
        return [f"{service}:{self.ports(pods[0]).exposer}" for service in services]

    def beside(self, _pod: str, _server: Server) -> str:
        """They share their loopback."""
        return "127.0.0.1"
