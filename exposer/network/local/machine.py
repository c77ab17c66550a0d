"""This machine as the site of a plan: pods are directories and processes, and their ports are on loopback."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from exposer.network.file.chains import ChainFacts
from exposer.network.file.model import Chain
from exposer.network.local.binaries import binary_name
from exposer.network.local.ports import LOOPBACK
from exposer.network.local.state import State
from exposer.network.site import PodPorts, Server, Volume, Way


class Machine:
    """A `Site`: everything below the state directory, every pod on its own ports of 127.0.0.1."""

    bind_host = LOOPBACK

    def __init__(
        self, state: State, ports: Mapping[str, PodPorts], *, keys: Path, genesis_time: str, directory: Path
    ) -> None:
        self._state = state
        self._ports = ports
        self._directory = directory
        self._genesis_time = genesis_time
        self.keys = str(keys)

    def genesis_time(self, _facts: ChainFacts) -> str:
        """One for all, which the state directory keeps."""
        return self._genesis_time

    def directory(self, volume: Volume, pod: str, chain_id: str) -> str:
        """A directory below the state directory, but for keys of the user's own."""
        return str(
            {
                "node": self._state.home(pod),
                "faucet": self._state.faucet(pod),
                "keys": Path(self.keys).parent,
                "patch": self._state.files(chain_id, "patch"),
                "scripts": self._state.files(chain_id, "scripts"),
            }[volume]
        )

    def given(self, path: str) -> str:
        """The file itself."""
        return str((self._directory / path).resolve())

    def content(self, _path: str) -> None:
        """Pods see all files of this machine."""

    def scratch(self, pod: str) -> str:
        """The directory that the pod's home is in."""
        return str(self._state.home(pod).parent)

    def host(self, _pod: str, _server: Server) -> str:
        """All pods are on loopback."""
        return LOOPBACK

    beside = host

    def exposers(self, pods: Sequence[str]) -> Sequence[str]:
        """Each on a port of its own."""
        return [f"{LOOPBACK}:{self._ports[pod].exposer}" for pod in pods]

    def ports(self, pod: str) -> PodPorts:
        """The ports that are held for the pod."""
        return self._ports[pod]

    def way(self, _chain: Chain) -> Way:
        """It is on this machine, or it is built."""
        return "present"

    def binary(self, facts: ChainFacts, _way: Way) -> str:
        """The binary's name, so that a record on the volume does not depend on where it is installed."""
        return binary_name(facts, self._directory)

    def image(self, _chain: Chain, _container: str) -> str:
        """There are none."""
        return ""
