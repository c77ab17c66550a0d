"""The chains that are known by name, and what a chain of the network file is once their defaults are filled in."""

from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from ruamel.yaml import YAML

from exposer.accounts.address import Algorithm
from exposer.network.file.model import Chain, Network
from exposer.network.file.parts import Faucet, UpgradeVersion
from exposer.network.file.source import Location

Driver = Literal["cosmos", "cometbft"]
CUSTOM = "custom"
"""The name of a chain that is not known here; it states what it is itself."""


@dataclass(frozen=True)
class ChainFacts:
    """What driving a chain takes: an entry of ``chains.yaml``, or one with the network file's words on top.

    ``coins`` is what every funded account gets, in the SDK's text form; a cometbft chain has no accounts.
    ``gas_prices`` is what transactions pay on a chain that takes none for nothing.
    """

    binary: str = ""
    driver: Driver = "cosmos"
    bech32_prefix: str = ""
    denom: str = ""
    coins: str = ""
    hd_path: str = ""
    coin_type: int = 118
    algorithm: Algorithm = "secp256k1"
    home: str = ""
    image: str = ""
    source: str = ""
    chain_id: str = ""
    gas_prices: str = ""


@cache
def known_chains() -> dict[str, ChainFacts]:
    """Name -> defaults, from the package's ``chains.yaml``."""
    entries: dict[str, dict[str, Any]] = YAML(typ="safe").load(
        (files("exposer.network.file") / "chains.yaml").read_text("utf-8")
    )
    return {name: ChainFacts(**entry) for name, entry in entries.items()}


def resolve(chain: Chain) -> ChainFacts:
    """The facts of one chain of the network file: what it states, else the defaults of its name."""
    known = known_chains().get(chain.name, ChainFacts())
    hd_path = chain.hd_path or (f"m/44'/{chain.coin_type}'/0'/0/0" if chain.coin_type is not None else known.hd_path)
    return replace(
        known,
        binary=chain.binary or known.binary,
        bech32_prefix=chain.prefix or known.bech32_prefix,
        denom=chain.denom or known.denom,
        coins=chain.coins or known.coins,
        hd_path=hd_path,
        coin_type=known.coin_type if chain.coin_type is None else chain.coin_type,
        home=chain.home or known.home,
        image=chain.image or known.image,
        source=chain.repo or known.source,
        gas_prices=chain.gas_prices or known.gas_prices,
    )


def default_id(name: str) -> str:
    """The chain id of a network that only names its chain."""
    return known_chains()[name].chain_id or f"{name}-1"


def faucet_of(network: Network, chain: Chain) -> Faucet | None:
    """The faucet of ``chain``, where it has one: its own words, then the file's for all chains that have accounts.

    Whoever says anything of a faucet wants one, unless it is not ``enabled``.
    """
    own = chain.faucet.model_dump(exclude_none=True, exclude={"ports", "resources"})
    merged = network.faucet.model_copy(update={**own, "ports": chain.faucet.ports})
    stated = "faucet" in network.model_fields_set | chain.model_fields_set or chain.ports.faucet is not None
    wanted = stated if merged.enabled is None else merged.enabled
    return merged if wanted and resolve(chain).driver == "cosmos" else None


def stated_ports(network: Network, place: int) -> dict[str, tuple[Location, int]]:
    """The ports that the file states for the chain at ``place``: name -> where it says so, and the port.

    The faucet's stands in ``ports``, else in the chain's faucet, else in the faucet for all chains.
    """
    chain, at = network.chains[place], ("chains", place)
    stated: dict[str, tuple[Location, int]] = {}
    for faucet, where in ((network.faucet, ()), (chain.faucet, at)):
        if faucet_of(network, chain) and faucet.ports and faucet.ports.rest:
            stated["faucet"] = (*where, "faucet", "ports", "rest"), faucet.ports.rest
    for name, port in chain.ports.model_dump(exclude_none=True).items():
        stated[name] = (*at, "ports", name.replace("_", "-")), port
    return stated


@dataclass(frozen=True)
class Versions:
    """What is built from source: the version that the chain starts with, and those that cosmovisor goes on to."""

    genesis: str
    upgrades: tuple[UpgradeVersion, ...] = ()
    cosmovisor: bool = False

    @property
    def all(self) -> tuple[str, ...]:
        """Every version, in the order of their heights."""
        return (self.genesis, *(upgrade.version for upgrade in self.upgrades))


def versions_of(chain: Chain) -> Versions | None:
    """What is built for ``chain``, None where its binary is there already."""
    if chain.upgrade and chain.upgrade.enabled:
        return Versions(chain.upgrade.genesis, chain.upgrade.upgrades, cosmovisor=True)
    return Versions(chain.build.source) if chain.build and chain.build.enabled else None


def is_module(version: str) -> bool:
    """Whether a version names a Go module or package by itself (``path@version``), and no commit of ``repo``."""
    return "@" in version
