"""The plan of a network: which pods, which steps in which order, with which environment. Read this module first.

A plan is plain data. `build_plan` makes it from a checked network file and a `Site`, and whoever carries it out
(`exposer up` with processes, the renderers with compose and Kubernetes) adds nothing to it:

    genesis pod    [init-build-images]  init-genesis     init-config     [init-faucet]  | node, [faucet]
    validator pod  [init-build-images]  wait-for-chains  init-validator  init-config    | node, then [create-validator]

The exposer of a pod starts before its first step. Steps in brackets are there when the network file asks for them;
``create-validator`` is where validators join through a transaction: on chains with accounts whose genesis does not name
them all. What is built is in the pod's volume, in the layout of cosmovisor; it runs the node where there are upgrades.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from exposer.network import environment
from exposer.network.chains import faucet_of, resolve, versions_of
from exposer.network.model import Chain, Network
from exposer.network.names import pod_names
from exposer.network.site import Site

Role = Literal["genesis", "validator"]
BUILD = "init-build-images"


@dataclass(frozen=True)
class Step:
    """One init step, by the name of its console script, and its arguments."""

    name: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pod:
    """One pod: its steps run in order, then its node, then the steps that need a running node.

    ``environment`` is what the steps get, ``exposer`` the sidecar; the node gets ``node_environment`` alone.
    ``faucet`` is what the faucet gets that runs beside the node of a genesis pod; empty where there is none.
    """

    name: str
    chain: str
    role: Role
    ordinal: int
    steps: tuple[Step, ...]
    node: tuple[str, ...]
    after_start: tuple[Step, ...]
    environment: Mapping[str, str]
    exposer: Mapping[str, str]
    node_environment: Mapping[str, str] = field(default_factory=dict)
    faucet: Mapping[str, str] = field(default_factory=dict)

    @property
    def builds(self) -> bool:
        """Whether its binary is built first."""
        return any(step.name == BUILD for step in self.steps)


@dataclass(frozen=True)
class PlanFile:
    """A file that steps read: made from the network file, put where `Site.file` says."""

    chain: str
    name: str
    content: bytes


@dataclass(frozen=True)
class Plan:
    """The pods of a network, each chain's genesis pod before its validators, and the files they read."""

    name: str
    pods: tuple[Pod, ...]
    files: tuple[PlanFile, ...] = ()


def build_plan(network: Network, site: Site) -> Plan:
    """The plan of ``network`` at ``site``."""
    pods = tuple(pod for chain in network.chains for pod in _pods(network, chain, site))
    files = tuple(file for chain in network.chains for file in chain_files(chain))
    return Plan(network.name, pods, files)


def _pods(network: Network, chain: Chain, site: Site) -> Iterator[Pod]:
    leader, *validators = pod_names(chain)
    shared = environment.of_chain(network, chain, resolve(chain), site)
    told = environment.of_leader(network, chain, leader, site)
    yield _pod(network, chain, leader, "genesis", ordinal=0, shared=shared | told, site=site)
    told = environment.of_follower(network, chain, leader, site)
    for ordinal, name in enumerate(validators):
        yield _pod(network, chain, name, "validator", ordinal=ordinal, shared=shared | told, site=site)


def _pod(
    network: Network, chain: Chain, name: str, role: Role, *, ordinal: int, shared: Mapping[str, str], site: Site
) -> Pod:
    facts, versions, faucet = resolve(chain), versions_of(chain), faucet_of(network, chain)
    steps = steps_of(network, chain, role)
    given = {entry.name: entry.value for entry in chain.env}
    joins = role == "validator" and facts.driver == "cosmos" and chain.validators != "genesis"
    node, node_environment = _node(chain, name, site)
    return Pod(
        name=name,
        chain=chain.id,
        role=role,
        ordinal=ordinal,
        steps=steps,
        node=node,
        after_start=(Step("create-validator"),) if joins else (),
        environment={
            **shared,
            **environment.of_pod(name, site),
            "CHAIN_BIN": environment.binary(facts, versions, name, site),
            **(environment.of_build(facts, versions, name, site) if versions else {}),
            **given,
        },
        exposer=environment.of_exposer(name, [step.name for step in steps], site),
        node_environment={**node_environment, **given},
        faucet={**environment.of_faucet(faucet, facts, name, site), **given} if faucet and role == "genesis" else {},
    )


def steps_of(network: Network, chain: Chain, role: Role) -> tuple[Step, ...]:
    """The init steps of a pod of ``chain``, in their order."""
    names = [BUILD] if versions_of(chain) else []
    if role == "genesis":
        names += ["init-genesis", "init-config", *(["init-faucet"] if faucet_of(network, chain) else [])]
    else:
        names += ["wait-for-chains", "init-validator", "init-config"]
    return tuple(Step(name) for name in names)


def _node(chain: Chain, pod: str, site: Site) -> tuple[tuple[str, ...], dict[str, str]]:
    """The command line of a pod's node, and what of its environment the plan states."""
    facts, versions, home = resolve(chain), versions_of(chain), site.home(pod)
    start = ("start", "--home", home)
    if facts.driver == "cometbft":
        return (environment.binary(facts, versions, pod, site), *start, "--proxy_app=kvstore"), {}
    if versions and versions.cosmovisor:
        own = {"DAEMON_HOME": home, "DAEMON_NAME": environment.daemon(facts)}
        return ("cosmovisor", "run", *start), {**environment.COSMOVISOR, **own}
    return (environment.binary(facts, versions, pod, site), *start), {}


def chain_files(chain: Chain) -> Iterator[PlanFile]:
    """The files that the network file's ``genesis``, ``balances`` and ``config`` of one chain become, as JSON."""
    contents = {
        environment.GENESIS_PATCH: chain.genesis.patch,
        environment.GENESIS_BALANCES: [balance.model_dump(exclude_none=True) for balance in chain.balances],
        environment.CONFIG_OVERRIDES: chain.config.model_dump(by_alias=True, exclude_defaults=True),
    }
    for name, content in contents.items():
        if content:
            yield PlanFile(chain.id, name, json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n")
