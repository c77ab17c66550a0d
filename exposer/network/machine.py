"""This machine as the site of a plan: pods are directories and processes, and their ports are on loopback."""

from collections.abc import Mapping
from pathlib import Path

from exposer.network.binaries import binary_name
from exposer.network.chains import ChainFacts
from exposer.network.ports import LOOPBACK
from exposer.network.site import PodPorts
from exposer.network.state import State


class Machine:
    """A `Site`: everything below the state directory, every pod on its own ports of 127.0.0.1."""

    bind_host = LOOPBACK

    def __init__(
        self, state: State, ports: Mapping[str, PodPorts], *, keys: Path, genesis_time: str, directory: Path
    ) -> None:
        self._state = state
        self._ports = ports
        self._directory = directory
        self.keys = str(keys)
        self.genesis_time = genesis_time

    def home(self, pod: str) -> str:
        """Root of the pod's volume."""
        return str(self._state.home(pod))

    def faucet(self, pod: str) -> str:
        """Root of the pod's second volume."""
        return str(self._state.faucet(pod))

    def file(self, chain_id: str, name: str) -> str:
        """Path of one of the plan's files."""
        return str(self._state.file(chain_id, name))

    def given(self, path: str) -> str:
        """The file itself."""
        return str((self._directory / path).resolve())

    def host(self, _pod: str) -> str:
        """All pods are on loopback."""
        return LOOPBACK

    def ports(self, pod: str) -> PodPorts:
        """The ports that are held for the pod."""
        return self._ports[pod]

    def binary(self, facts: ChainFacts) -> str:
        """The binary's name, so that a record on the volume does not depend on where it is installed."""
        return binary_name(facts, self._directory)
