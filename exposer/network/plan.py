"""The plan of a network: which pods, which containers in which order, with which environment. Read this module first.

A plan is plain data. `build_plan` makes it from a checked network file and a `Site`, and whoever carries it out
(`exposer up` with processes, the renderers with compose and Kubernetes) adds nothing to it:

    genesis pod    [init-build-images]  init-genesis     init-config     [init-faucet]  | node, [faucet]
    validator pod  [init-build-images]  wait-for-chains  init-validator  init-config    | node, then [create-validator]

The exposer of a pod starts before its first step. Steps in brackets are there when the network file asks for them;
``create-validator`` is where validators join through a transaction: on chains with accounts whose genesis does not name
them all. What is built is in the pod's volume, in the layout of cosmovisor; it runs the node where there are upgrades.
In containers ``copy-binary`` comes first where the chain's binary is in an image of its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exposer.network import environment
from exposer.network.file.chains import faucet_of, resolve, versions_of
from exposer.network.file.containers import Resources
from exposer.network.file.model import Chain, Network
from exposer.network.names import pod_names
from exposer.network.plan_files import PlanFile, chain_files
from exposer.network.site import Role, Site, Volume

BUILD = "init-build-images"
COPY = "copy-binary"
GATE = "wait-for-chains"
FOUNDING = "init-genesis"
_COPYING = 'cp -L "$(command -v "$0")" "$1.new" && mv -f "$1.new" "$1"'
"""Run by the shell of the chain's image, which may have little else."""

_MOUNTS: Mapping[str, tuple[tuple[Volume, ...], tuple[Volume, ...]]] = {
    "exposer": (("node",), ()),
    COPY: ((), ("binary",)),
    BUILD: (("scripts",), ("node",)),
    FOUNDING: (("keys", "patch", "scripts", "binary"), ("node",)),
    "init-config": (("patch", "scripts", "binary"), ("node",)),
    "init-faucet": (("keys", "scripts", "binary"), ("node", "faucet")),
    GATE: (("node",), ()),
    "init-validator": (("keys", "scripts", "binary"), ("node",)),
    "create-validator": (("keys", "scripts", "binary"), ("node",)),
    "node": ((), ("node",)),
    "faucet": ((), ("faucet",)),
}
"""Container -> the volumes that it reads, and those that it writes. Of what is optional it has what the pod has."""


@dataclass(frozen=True)
class Mount:
    """A volume as a container sees it: the directory ``path``."""

    volume: Volume
    path: str
    read_only: bool


@dataclass(frozen=True)
class Container:
    """One program of a pod: a container, and on this machine a process.

    ``command`` is a console script or the chain's binary, and its arguments; ``ports`` is what it listens on, by name.
    ``image`` is empty on this machine; ``resources`` is what the network file says of them.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    mounts: tuple[Mount, ...]
    ports: Mapping[str, int] = field(default_factory=dict)
    image: str = ""
    resources: Resources | None = None


@dataclass(frozen=True)
class Pod:
    """One pod: its steps run in order, then its node, then what needs a running node; the exposer all the time.

    A genesis pod may have a ``faucet`` beside its node.
    """

    name: str
    chain: str
    role: Role
    ordinal: int
    exposer: Container
    steps: tuple[Container, ...]
    node: Container
    after_start: tuple[Container, ...] = ()
    faucet: Container | None = None

    @property
    def containers(self) -> tuple[Container, ...]:
        """All of them, in the order in which they start."""
        faucet = (self.faucet,) if self.faucet else ()
        return (self.exposer, *self.steps, self.node, *faucet, *self.after_start)

    @property
    def environment(self) -> Mapping[str, str]:
        """What all its steps are told; where a script stands for one, that one is told of it besides."""
        return {name: value for name, value in self.steps[-1].environment.items() if name != environment.SCRIPT}

    @property
    def builds(self) -> bool:
        """Whether its binary is built first."""
        return any(step.name == BUILD for step in self.steps)


@dataclass(frozen=True)
class Plan:
    """The pods of a network, each chain's genesis pod before its validators, and the files they read."""

    name: str
    pods: tuple[Pod, ...]
    files: tuple[PlanFile, ...] = ()


def build_plan(network: Network, site: Site, directory: Path) -> Plan:
    """The plan of ``network`` at ``site``; the files that it names are looked for from ``directory``.

    Raises:
        BadInputError: one of them cannot be read.
    """
    pods: list[Pod] = []
    files: list[PlanFile] = []
    for chain in network.chains:
        of_chain = tuple(chain_files(chain, site, directory))
        pods += _pods(network, chain, site, of_chain)
        files += of_chain
    return Plan(network.name, tuple(pods), tuple(files))


def _pods(network: Network, chain: Chain, site: Site, files: tuple[PlanFile, ...]) -> Iterator[Pod]:
    pods = pod_names(chain)
    shared = environment.of_chain(network, chain, resolve(chain), site)
    told = environment.of_leader(network, chain, pods, site)
    yield _Maker(network, chain, site, files, pods[0], "genesis", shared | told).pod(0)
    told = environment.of_follower(network, chain, pods, site)
    for ordinal, name in enumerate(pods[1:]):
        yield _Maker(network, chain, site, files, name, "validator", shared | told).pod(ordinal)


def steps_of(network: Network, chain: Chain, role: Role) -> tuple[str, ...]:
    """The init steps of a pod of ``chain``, in their order."""
    names = [BUILD] if versions_of(chain) else []
    if role == "genesis":
        names += [FOUNDING, "init-config", *(["init-faucet"] if faucet_of(network, chain) else [])]
    else:
        names += [GATE, "init-validator", "init-config"]
    return tuple(names)


@dataclass(frozen=True)
class _Maker:
    """Makes the containers of one pod; ``told`` is what all pods of its role and chain are."""

    network: Network
    chain: Chain
    site: Site
    files: tuple[PlanFile, ...]
    name: str
    role: Role
    told: Mapping[str, str]

    def pod(self, ordinal: int) -> Pod:
        """The whole pod."""
        facts, versions = resolve(self.chain), versions_of(self.chain)
        shared = {
            **self.told,
            **environment.of_pod(self.chain, self.name, self.site),
            "CHAIN_BIN": environment.binary(self.chain, self.name, self.site),
            **(environment.of_build(self.chain, versions, self.name, self.site) if versions else {}),
            **self._given,
        }
        joins = self.role == "validator" and facts.driver == "cosmos" and self.chain.validators != "genesis"
        return Pod(
            name=self.name,
            chain=self.chain.id,
            role=self.role,
            ordinal=ordinal,
            exposer=self._exposer(),
            steps=(*self._copy(), *(self._step(name, shared) for name in self._steps)),
            node=self._node(),
            after_start=(self._step("create-validator", shared),) if joins else (),
            faucet=self._faucet() if self.role == "genesis" else None,
        )

    @property
    def _steps(self) -> tuple[str, ...]:
        return steps_of(self.network, self.chain, self.role)

    @property
    def _given(self) -> dict[str, str]:
        """The variables of the network file."""
        return {entry.name: entry.value for entry in self.chain.env}

    def _exposer(self) -> Container:
        told = environment.of_exposer(self.chain, self.name, self._steps, self.site)
        return self._container("exposer", ("exposer", "serve"), told, {"exposer": self.site.ports(self.name).exposer})

    def _copy(self) -> Iterator[Container]:
        if self.site.way(self.chain) == "copied":
            facts = resolve(self.chain)
            command = ("sh", "-c", _COPYING, facts.binary, self.site.binary(facts, "copied"))
            yield self._container(COPY, command, {})

    def _step(self, name: str, shared: Mapping[str, str]) -> Container:
        scripts = {file.name for file in self.files if file.volume == "scripts"}
        own = environment.of_scripts(self.network, self.chain, name, scripts, self.site)
        # A pod that is complete needs no leader.
        arguments = ("--unless-complete", self._steps[-1]) if name == GATE else ()
        return self._container(name, (name, *arguments), {**shared, **own})

    def _node(self) -> Container:
        command, told = environment.of_node(self.chain, self.name, self.site)
        ports = environment.node_ports(self.chain, self.site.ports(self.name))
        return self._container("node", command, {**told, **self._given}, ports)

    def _faucet(self) -> Container | None:
        if not (faucet := faucet_of(self.network, self.chain)):
            return None
        told = {**environment.of_faucet(self.network, faucet, self.chain, self.name, self.site), **self._given}
        return self._container("faucet", ("exposer", "faucet"), told, {"faucet": self.site.ports(self.name).faucet})

    def _container(
        self, name: str, command: tuple[str, ...], told: Mapping[str, str], ports: Mapping[str, int] | None = None
    ) -> Container:
        reads, writes = _MOUNTS[name]
        absent = self._absent(told)
        mounts = [self._mount(volume, read_only=True) for volume in reads if volume not in absent]
        mounts += [self._mount(volume, read_only=False) for volume in writes]
        image, resources = self.site.image(self.chain, name), resources_of(self.network, self.chain, name)
        return Container(name, command, told, tuple(mounts), ports or {}, image, resources)

    def _absent(self, told: Mapping[str, str]) -> set[Volume]:
        """The volumes that a container with this environment has not."""
        absent: set[Volume] = set()
        if not {environment.SCRIPT, environment.UPDATE_SCRIPT} & told.keys():
            absent.add("scripts")
        if not any(file.volume == "patch" for file in self.files):
            absent.add("patch")
        if self.site.way(self.chain) == "present":
            absent.add("binary")
        return absent

    def _mount(self, volume: Volume, *, read_only: bool) -> Mount:
        return Mount(volume, self.site.directory(volume, self.name, self.chain.id), read_only)


def resources_of(network: Network, chain: Chain, container: str) -> Resources | None:
    """What the network file says of the container's resources; a step's are small, and needed for moments."""
    if container == "exposer":
        return network.exposer.resources
    if container == "faucet":
        return chain.faucet.resources or network.faucet.resources
    if container == GATE:
        return network.resources.wait
    return (chain.resources or network.resources.node) if container == "node" else None
