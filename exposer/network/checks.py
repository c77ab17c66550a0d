"""What must hold between the fields of a network file, once each of them is well-formed."""

import difflib
import os.path
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from exposer.accounts.making import check_keys
from exposer.errors import BadInputError
from exposer.network.cosmovisor import faults_of_cosmovisor, faults_of_plans
from exposer.network.environment import RESERVED, node_ports
from exposer.network.file.chains import CUSTOM, faucet_of, is_module, known_chains, resolve, stated_ports, versions_of
from exposer.network.file.containers import Probe
from exposer.network.file.model import Chain, Network
from exposer.network.file.scripts import faults_of_scripts
from exposer.network.file.source import Clash, Fault, Location
from exposer.network.funds import faults_of_funds
from exposer.network.names import pod_names, pod_prefix
from exposer.network.node_files import faults_of_files
from exposer.network.plan import steps_of
from exposer.network.site import PodPorts, Role

_NEEDED_BY_CUSTOM = ("binary", "prefix", "denom", "coins")
_OF_ACCOUNTS = (
    "prefix",
    "denom",
    "coins",
    "hdPath",
    "coinType",
    "balances",
    "gasPrices",
    "minimumGasPrices",
    "commission",
)
_FILES_OF_APPLICATIONS = ("app.toml", "client.toml")
_OF_APPLICATIONS = (
    *(("ports", name) for name in ("rest", "grpc", "grpc-web", "json-rpc", "ws", "faucet")),
    *(("genesis", name) for name in ("from", "sha256", "presets")),
)


def faults(network: Network, directory: Path) -> Iterator[Fault | Clash]:
    """Location and text of every fault; ``directory`` is what relative paths in the file start from."""
    seen: dict[str, int] = {}
    for place, chain in enumerate(network.chains):
        at: Location = ("chains", place)
        for location, text in _of_one(network, chain, directory):
            yield (*at, *location), text
        if resolve(chain).driver == "cosmos":
            yield from faults_of_funds(network, place)
        first = seen.setdefault(pod_prefix(chain.id), place)
        if first != place:
            text = "gives pods the same names as {other} does; give each chain its own id"
            yield (*at, "id"), text, ("chains", first, "id")
    yield from _same_ports(network)
    exposer = network.exposer.ports and network.exposer.ports.rest
    for name, port in vars(PodPorts()).items():
        if port == exposer and name != "exposer":
            yield ("exposer", "ports", "rest"), f"is the port of a pod's {name.replace('_', '-')}; choose another"
    if network.throwaway and network.keys is not None:
        yield ("throwaway",), "is true, and {other} names keys of your own; keep one", ("keys",)
    if network.keys is not None:
        needed = max(chain.num_validators for chain in network.chains) - 1
        try:
            faucet = any(faucet_of(network, chain) for chain in network.chains)
            check_keys(directory / network.keys, validators=needed, faucet=faucet, relayers=len(network.relayers))
        except BadInputError as error:
            yield ("keys",), str(error)


def unknown_chain(name: str) -> str:
    """What to say about a chain name that is not known."""
    close = difflib.get_close_matches(name, known_chains(), n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(known_chains()))}"
    return f"{name!r} is not a known chain; {hint}; any other chain is 'custom' with {', '.join(_NEEDED_BY_CUSTOM)}"


def _of_one(network: Network, chain: Chain, directory: Path) -> Iterator[Fault]:
    """Faults of one chain, whatever the others are."""
    yield from _of_source(chain, directory)
    if chain.name != CUSTOM and chain.name not in known_chains():
        yield ("name",), unknown_chain(chain.name)
        return
    yield from _of_chain(chain)
    yield from _of_way(network, chain)
    yield from faults_of_scripts(chain, directory, _steps(network, chain))


def _of_chain(chain: Chain) -> Iterator[Fault]:
    if chain.name == CUSTOM:
        missing = [name for name in _NEEDED_BY_CUSTOM if getattr(chain, name) is None]
        yield from (((name,), "is required with name: custom; add it") for name in missing)
    yield from _without_accounts(chain) if resolve(chain).driver == "cometbft" else _of_accounts(chain)
    yield from _of_build(chain)
    yield from _of_pods(chain)
    yield from faults_of_files(chain)
    yield from _of_probe(chain)
    names: set[str] = set()
    for place, entry in enumerate(chain.env):
        name = entry.name.upper()  # the steps read their variables in any case
        if name in RESERVED or name.startswith("EXPOSER_"):
            text = f"{entry.name} is set by exposer itself; use the network file's own field for it"
            yield ("env", place, "name"), text
        if entry.name in names:
            yield ("env", place, "name"), f"{entry.name} is there twice; keep one"
        names.add(entry.name)
    yield from faults_of_cosmovisor(chain)


def _of_probe(chain: Chain) -> Iterator[Fault]:
    known = [name.replace("_", "-") for name in node_ports(chain, PodPorts())]
    for at, handler in chain.readiness_probe or ():
        port = getattr(handler, "port", 0)
        if isinstance(port, str) and port not in known:
            name = Probe.model_fields[at].alias or at
            yield ("readinessProbe", name, "port"), f"is no port of the node; it has {', '.join(known)}"


def _steps(network: Network, chain: Chain) -> set[str]:
    """The steps that some pod of ``chain`` has, whatever their number."""
    steps = {step for role in get_args(Role) for step in steps_of(network, chain, role)}
    joining = resolve(chain).driver == "cosmos" and chain.validators != "genesis"
    return steps | ({"create-validator"} if joining else set())


def _of_way(network: Network, chain: Chain) -> Iterator[Fault]:
    """What an image has to say of the chain's binary, where the file says how it reaches the steps."""
    way, facts = network.images.binary, resolve(chain)
    if way in {None, "same"} or versions_of(chain):
        return
    if not facts.image:
        yield ("image",), f"is required with images.binary: {way}; name the image that has the chain's binary"
    if way == "volume" and facts.binary and not facts.binary.startswith("/"):
        yield ("binary",), "is a name, and images.binary: volume needs its absolute path in the image; write /usr/bin/…"


def _of_accounts(chain: Chain) -> Iterator[Fault]:
    if chain.hd_path and chain.coin_type is not None and f"/{chain.coin_type}'" not in chain.hd_path:
        yield ("hdPath",), f"is not a path of coinType {chain.coin_type}; leave one of the two out"


def _of_build(chain: Chain) -> Iterator[Fault]:
    versions = versions_of(chain)
    if versions is None:
        return
    section, name = ("upgrade", "genesis") if versions.cosmovisor else ("build", "source")
    if chain.build and chain.build.enabled and versions.cosmovisor:
        yield ("build", "enabled"), "is true, and upgrade is enabled too, which builds its genesis version; keep one"
    if not versions.genesis:
        yield (section, name), "is required when it is enabled; add the version to build"
    elif not all(map(is_module, versions.all)) and not resolve(chain).source:
        yield (section, name), "is a version of repo, which is not there; add repo, or write a Go module's path@version"
    for place, upgrade in enumerate(versions.upgrades):
        if not upgrade.version:
            yield (section, "upgrades", place, "version"), "is required; add the version to build"
    yield from faults_of_plans(chain)


def _of_pods(chain: Chain) -> Iterator[Fault]:
    """What is said of single pods must be of pods that there are."""
    there = [name.removeprefix(f"{pod_prefix(chain.id)}-") for name in pod_names(chain)]
    for name in chain.config.pods:
        if name not in there:
            yield ("config", "pods", name), f"is no pod of this chain; there are {', '.join(there)}"
    if chain.validators == "genesis" and chain.identities == "random":
        text = "is random, and validators: genesis must know every pod's keys before it starts; make it derived"
        yield ("identities",), text


def _of_source(chain: Chain, directory: Path) -> Iterator[Fault]:
    """Where a genesis starts from, and names in it that are meant for exposer."""
    genesis = chain.genesis
    if genesis.sha256 and not genesis.source:
        yield ("genesis", "sha256"), "is of the genesis to start from; add from, or remove it"
    scheme, is_url, _ = (genesis.source or "").partition("://")
    if is_url and scheme.lower() not in {"http", "https"}:
        yield ("genesis", "from"), f"is a URL of {scheme}, which is not asked; write one of http or https, or a path"
    if genesis.source and not is_url and not os.path.isfile(directory / genesis.source):  # noqa: PTH113 - that of a Path raises for some texts
        yield ("genesis", "from"), f"{directory / genesis.source} is no file; write a path from here, or a URL"
    for name in genesis.patch:
        if near := difflib.get_close_matches(name, ("from", "sha256", "presets"), n=1):
            yield ("genesis", name), f"is no part of a genesis; did you mean {near[0]}?"


def _without_accounts(chain: Chain) -> Iterator[Fault]:
    given = chain.model_dump(by_alias=True, exclude_unset=True)
    nothing = f"means nothing to {chain.name}, which has no SDK application; remove it"
    for name in _OF_ACCOUNTS:
        if name in given:
            yield (name,), f"means nothing to {chain.name}, which has no accounts; remove it"
    config = given.get("config", {})
    for at, files in (
        (("config",), config),
        *((("config", "pods", pod), own) for pod, own in config.get("pods", {}).items()),
    ):
        yield from (((*at, name), nothing) for name in _FILES_OF_APPLICATIONS if name in files)
    for section, name in _OF_APPLICATIONS:
        if name in given.get(section, {}):
            yield (section, name), nothing
    for section in ("faucet", "upgrade"):
        if given.get(section, {}).get("enabled"):
            yield (section, "enabled"), nothing
    for name, only in (("identities", "derived"), ("validators", "genesis")):
        if given.get(name, only) != only:
            yield (name,), f"is always {only} with {chain.name}, whose genesis names every validator; remove it"


def _same_ports(network: Network) -> Iterator[Fault | Clash]:
    taken: dict[int, Location] = {}
    for place, chain in enumerate(network.chains):
        for where, port in stated_ports(network, place).values():
            if port in taken:
                text = "is the port of {other} too; give each its own"
                yield where, text if where != taken[port] else f"{text} (ports.faucet of each chain)", taken[port]
            taken.setdefault(port, where)
        own = chain.faucet.ports and chain.faucet.ports.rest
        if own and chain.ports.faucet not in {None, own}:
            yield ("chains", place, "faucet", "ports", "rest"), "is not the port in ports.faucet; keep one of the two"
