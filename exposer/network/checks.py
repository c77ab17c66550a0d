"""What must hold between the fields of a network file, once each of them is well-formed."""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

from exposer.errors import BadInputError
from exposer.network.chains import CUSTOM, known_chains, resolve
from exposer.network.environment import RESERVED
from exposer.network.keys import check_keys
from exposer.network.model import Chain, Network
from exposer.network.names import pod_prefix
from exposer.network.source import Location

Fault = tuple[Location, str]
_NEEDED_BY_CUSTOM = ("binary", "prefix", "denom", "coins")
_OF_ACCOUNTS = ("prefix", "denom", "coins", "hdPath", "coinType", "balances")
_OF_APPLICATIONS = (("config", "app.toml"), ("config", "client.toml"), ("ports", "rest"), ("ports", "grpc"))


def faults(network: Network, directory: Path) -> Iterator[Fault]:
    """Location and text of every fault; ``directory`` is what relative paths in the file start from."""
    seen: dict[str, int] = {}
    for place, chain in enumerate(network.chains):
        at: Location = ("chains", place)
        for location, text in _of_chain(chain):
            yield (*at, *location), text
        first = seen.setdefault(pod_prefix(chain.id), place)
        if first != place:
            yield (*at, "id"), f"gives pods the same names as chains[{first}] does; give each chain its own id"
    yield from _same_ports(network)
    if network.keys is not None:
        needed = max(chain.num_validators for chain in network.chains) - 1
        try:
            check_keys(directory / network.keys, validators=needed)
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
    text = "is required when it is enabled; add the version to build"
    if chain.build and chain.build.enabled and not chain.build.source:
        yield ("build", "source"), text
    if chain.upgrade and chain.upgrade.enabled and not chain.upgrade.genesis:
        yield ("upgrade", "genesis"), text


def _without_accounts(chain: Chain) -> Iterator[Fault]:
    given = chain.model_dump(by_alias=True, exclude_unset=True)
    for name in _OF_ACCOUNTS:
        if name in given:
            yield (name,), f"means nothing to {chain.name}, which has no accounts; remove it"
    for section, name in _OF_APPLICATIONS:
        if name in given.get(section, {}):
            yield (section, name), f"means nothing to {chain.name}, which has no SDK application; remove it"


def _same_ports(network: Network) -> Iterator[Fault]:
    taken: dict[int, str] = {}
    for place, chain in enumerate(network.chains):
        for name, port in chain.ports.model_dump(by_alias=True, exclude_none=True).items():
            where = f"chains[{place}].ports.{name}"
            if taken.setdefault(port, where) != where:
                yield ("chains", place, "ports", name), f"is the port of {taken[port]} too; give each its own"
