"""What must hold between the fields of a network file, once each of them is well-formed."""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

from exposer.accounts.making import check_keys
from exposer.errors import BadInputError
from exposer.network.chains import CUSTOM, faucet_of, is_module, known_chains, resolve, versions_of
from exposer.network.environment import RESERVED
from exposer.network.model import Chain, Network
from exposer.network.names import pod_names, pod_prefix
from exposer.network.source import Location

Fault = tuple[Location, str]
_NEEDED_BY_CUSTOM = ("binary", "prefix", "denom", "coins")
_NEEDED_BY_VESTING = {"continuous": "end", "delayed": "end", "periodic": "periods"}
_OF_ACCOUNTS = ("prefix", "denom", "coins", "hdPath", "coinType", "balances", "gasPrices", "minimumGasPrices")
_OF_APPLICATIONS = (
    *(("config", name) for name in ("app.toml", "client.toml")),
    *(("ports", name) for name in ("rest", "grpc", "grpc-web", "json-rpc", "ws", "faucet")),
    *(("genesis", name) for name in ("from", "sha256", "presets")),
)


def faults(network: Network, directory: Path) -> Iterator[Fault]:
    """Location and text of every fault; ``directory`` is what relative paths in the file start from."""
    seen: dict[str, int] = {}
    for place, chain in enumerate(network.chains):
        at: Location = ("chains", place)
        for location, text in (*_of_chain(chain), *_of_source(chain, directory)):
            yield (*at, *location), text
        first = seen.setdefault(pod_prefix(chain.id), place)
        if first != place:
            yield (*at, "id"), f"gives pods the same names as chains[{first}] does; give each chain its own id"
    yield from _same_ports(network)
    if network.keys is not None:
        needed = max(chain.num_validators for chain in network.chains) - 1
        try:
            faucet = any(faucet_of(network, chain) for chain in network.chains)
            check_keys(directory / network.keys, validators=needed, faucet=faucet)
        except BadInputError as error:
            yield ("keys",), str(error)


def unknown_chain(name: str) -> str:
    """What to say about a chain name that is not known."""
    close = difflib.get_close_matches(name, known_chains(), n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(known_chains()))}"
    return f"{name!r} is not a known chain; {hint}; any other chain is 'custom' with {', '.join(_NEEDED_BY_CUSTOM)}"


def _of_chain(chain: Chain) -> Iterator[Fault]:
    if chain.name != CUSTOM and chain.name not in known_chains():
        yield ("name",), unknown_chain(chain.name)
        return
    if chain.name == CUSTOM:
        missing = [name for name in _NEEDED_BY_CUSTOM if getattr(chain, name) is None]
        yield from (((name,), "is required with name: custom; add it") for name in missing)
    yield from _without_accounts(chain) if resolve(chain).driver == "cometbft" else _of_accounts(chain)
    yield from _of_build(chain)
    yield from _of_pods(chain)
    for place, entry in enumerate(chain.env):
        name = entry.name.upper()  # the steps read their variables in any case
        if name in RESERVED or name.startswith("EXPOSER_"):
            text = f"{entry.name} is set by exposer itself; use the network file's own field for it"
            yield ("env", place, "name"), text


def _of_accounts(chain: Chain) -> Iterator[Fault]:
    facts = resolve(chain)
    if facts.denom and facts.coins and facts.denom not in re.findall(r"\d+([^,]+)", facts.coins):
        text = f"has no {facts.denom}, the denomination to bond; add for example 1000000{facts.denom} to coins"
        yield ("coins",) if chain.coins else ("denom",), text
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
    seen: set[str] = set()
    for place, upgrade in enumerate(versions.upgrades):
        if not upgrade.version:
            yield (section, "upgrades", place, "version"), "is required; add the version to build"
        if upgrade.name.lower() in seen:
            yield (section, "upgrades", place, "name"), "is there twice; cosmovisor does not tell names apart by case"
        seen.add(upgrade.name.lower())


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
    if genesis.source and "://" not in genesis.source and not (directory / genesis.source).is_file():
        yield ("genesis", "from"), f"{directory / genesis.source} is no file; write a path from here, or a URL"
    for name in genesis.patch:
        if near := difflib.get_close_matches(name, ("from", "sha256", "presets"), n=1):
            yield ("genesis", name), f"is no part of a genesis; did you mean {near[0]}?"
    for place, balance in enumerate(chain.balances):
        vesting = balance.vesting
        if vesting and not getattr(vesting, needed := _NEEDED_BY_VESTING.get(vesting.type, "type")):
            yield ("balances", place, "vesting", needed), f"is required with type: {vesting.type}; add it"


def _without_accounts(chain: Chain) -> Iterator[Fault]:
    given = chain.model_dump(by_alias=True, exclude_unset=True)
    for name in _OF_ACCOUNTS:
        if name in given:
            yield (name,), f"means nothing to {chain.name}, which has no accounts; remove it"
    for section, name in _OF_APPLICATIONS:
        if name in given.get(section, {}):
            yield (section, name), f"means nothing to {chain.name}, which has no SDK application; remove it"
    for section in ("faucet", "upgrade"):
        if given.get(section, {}).get("enabled"):
            yield (section, "enabled"), f"means nothing to {chain.name}, which has no SDK application; remove it"
    for name, only in (("identities", "derived"), ("validators", "genesis")):
        if given.get(name, only) != only:
            yield (name,), f"is always {only} with {chain.name}, whose genesis names every validator; remove it"


def _same_ports(network: Network) -> Iterator[Fault]:
    taken: dict[int, str] = {}
    for place, chain in enumerate(network.chains):
        for name, port in chain.ports.model_dump(by_alias=True, exclude_none=True).items():
            where = f"chains[{place}].ports.{name}"
            if taken.setdefault(port, where) != where:
                yield ("chains", place, "ports", name), f"is the port of {taken[port]} too; give each its own"
