"""The plan of a network: which pods, which steps in which order, with which environment. Read this module first.

A plan is plain data. `build_plan` makes it from a checked network file and a `Site`, and whoever carries it out
(`exposer up` with processes, the renderers with compose and Kubernetes) adds nothing to it:

    genesis pod    [init-build-images]  init-genesis     init-config     [init-faucet]  | node
    validator pod  [init-build-images]  wait-for-chains  init-validator  init-config    | node, then [create-validator]

The exposer of a pod starts before its first step. Steps in brackets are there when the network file asks for them;
``create-validator`` is where validators join through a transaction, that is, on chains with accounts.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from exposer.network import environment
from exposer.network.chains import ChainFacts, has_faucet, resolve
from exposer.network.model import Chain, Network
from exposer.network.names import pod_prefix
from exposer.network.site import Site

Role = Literal["genesis", "validator"]


@dataclass(frozen=True)
class Step:
    """One init step, by the name of its console script, and its arguments."""

    name: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pod:
    """One pod: its steps run in order, then its node, then the steps that need a running node.

    ``environment`` is what the steps get, ``exposer`` the sidecar; the node gets ``node_environment`` alone.
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


def pod_names(chain: Chain) -> list[str]:
    """The names of a chain's pods, the genesis pod's first; a site may need them before there is a plan."""
    prefix = pod_prefix(chain.id)
    return [f"{prefix}-genesis-0", *(f"{prefix}-validator-{ordinal}" for ordinal in range(chain.num_validators - 1))]


def _pods(network: Network, chain: Chain, site: Site) -> Iterator[Pod]:
    leader, *validators = pod_names(chain)
    shared = environment.of_chain(network, chain, resolve(chain), site)
    yield _pod(
        network, chain, leader, "genesis", ordinal=0, shared=shared | environment.of_leader(chain, site), site=site
    )
    for ordinal, name in enumerate(validators):
        yield _pod(
            network,
            chain,
            name,
            "validator",
            ordinal=ordinal,
            shared=shared | environment.of_follower(leader, site),
            site=site,
        )


def _pod(
    network: Network, chain: Chain, name: str, role: Role, *, ordinal: int, shared: Mapping[str, str], site: Site
) -> Pod:
    facts = resolve(chain)
    steps = steps_of(network, chain, role)
    given = {entry.name: entry.value for entry in chain.env}
    joins = role == "validator" and facts.driver == "cosmos"
    return Pod(
        name=name,
        chain=chain.id,
        role=role,
        ordinal=ordinal,
        steps=steps,
        node=_node(facts, site, name),
        after_start=(Step("create-validator"),) if joins else (),
        environment={**shared, **environment.of_pod(name, site), **given},
        exposer=environment.of_exposer(name, [step.name for step in steps], site),
        node_environment=given,
    )


def steps_of(network: Network, chain: Chain, role: Role) -> tuple[Step, ...]:
    """The init steps of a pod of ``chain``, in their order."""
    builds = any(section and section.enabled for section in (chain.build, chain.upgrade))
    names = ["init-build-images"] if builds else []
    if role == "genesis":
        names += ["init-genesis", "init-config", *(["init-faucet"] if has_faucet(network, chain) else [])]
    else:
        names += ["wait-for-chains", "init-validator", "init-config"]
    return tuple(Step(name) for name in names)


def _node(facts: ChainFacts, site: Site, pod: str) -> tuple[str, ...]:
    command = (site.binary(facts), "start", "--home", site.home(pod))
    return (*command, "--proxy_app=kvstore") if facts.driver == "cometbft" else command


def chain_files(chain: Chain) -> Iterator[PlanFile]:
    """The files that the network file's ``genesis``, ``balances`` and ``config`` of one chain become, as JSON."""
    contents = {
        environment.GENESIS_PATCH: chain.genesis,
        environment.GENESIS_BALANCES: [balance.model_dump() for balance in chain.balances],
        environment.CONFIG_OVERRIDES: chain.config.model_dump(by_alias=True, exclude_defaults=True),
    }
    for name, content in contents.items():
        if content:
            yield PlanFile(chain.id, name, json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n")
