"""The driver for Cosmos SDK binaries: the binary makes what only it knows, the rest is added to its files natively.

The number of its starts does not depend on that of the accounts: four to probe, then init, keys add,
add-genesis-account (one account, whose shape the others get), gentx, collect-gentxs and validate; two more for each
further validator of the genesis, keys add and gentx.
"""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from exposer.accounts.address import ALGORITHMS, Algorithm, decode_address
from exposer.accounts.coins import render_coins
from exposer.accounts.hd import at_index
from exposer.accounts.keyfile import Key
from exposer.accounts.power import unit_of_power
from exposer.errors import BadInputError, MismatchError
from exposer.genesis import document as documents
from exposer.genesis.accounts import Shape, Signer, add_accounts, first_shape, signers
from exposer.genesis.addresses import AddressForm
from exposer.genesis.compose import Parts, compose
from exposer.genesis.grants import Grants
from exposer.genesis.lint import refuse_unrunnable
from exposer.genesis.source import Source
from exposer.genesis.vesting import unix_seconds
from init_scripts.binary import KEYRING, BinaryFailedError, ChainBinary
from init_scripts.bonding import refuse_no_power
from init_scripts.dialect import Dialect, probe
from init_scripts.genesis_source import open_genesis, refuse_old_validators, refuse_other_denom
from init_scripts.gentx import add_gentxs
from init_scripts.identity_files import write_identity
from init_scripts.settings import IdentitySettings, PodSettings

_ID_LIMIT = 50  # characters (CometBFT, types.MaxChainIDLen)
_MONIKER = "node"
_LEAST_MEMORY = 1 << 29  # bytes, for Go's runtime in the binary


@dataclass(frozen=True)
class Wanted:
    """What a genesis is made of, beside its validators."""

    coins: dict[str, int]
    """What every key has."""
    stake: dict[str, int]
    """What each validator of the genesis bonds."""
    funded: Sequence[Key] = ()
    """Further keys."""
    balances: Path | None = None
    """Further addresses: the JSON list that `Grants.load` reads."""
    genesis_time: str = ""
    """RFC 3339; empty is the time of the run."""
    base: Path | str = ""
    """An existing genesis or exported state to start from, a path or a URL; empty is what the binary makes."""
    base_sha256: str = ""
    prefix: str = ""
    """What addresses have to begin with; empty leaves it to the binary."""
    gas_prices: str = ""
    """What a validator's own transaction in the genesis pays for its gas, where a fee market wants that."""
    rates: Mapping[str, str] = field(default_factory=dict)
    """A validator's commission: what ``gentx`` calls its rates -> their values."""


def make_genesis(
    settings: IdentitySettings, stage: Path, *, validator: Key, others: Sequence[Key], wanted: Wanted
) -> Mapping[str, Any]:
    """The genesis pod's home, with ``config/genesis.json`` ready to start; returns facts for the record.

    The binary works on a small genesis, with the validators' accounts alone. What it makes there, the shape of an
    account and the gentxs, goes into the base: its own new genesis, or the one that the chain is to start from.

    Args:
        settings: the chain and the pod.
        stage: an empty directory, the home to fill.
        validator: the genesis pod's own key.
        others: the keys of the validator pods, where they are in the genesis too.
        wanted: what the genesis is to be made of.
    """
    binary = ChainBinary(settings.chain_bin, stage)
    dialect = probe(binary)
    denom = ["--default-denom", settings.denom] if dialect.default_denom else []
    account = _home_with_key(binary, settings, validator, denom)
    if wanted.prefix not in {"", account.prefix}:
        raise BadInputError(f"BECH32_PREFIX: this binary's addresses begin with {account.prefix}1; leave it out")
    refuse_no_power(wanted.stake, unit_of_power(settings.denom, ethereum=account.algorithm == "eth_secp256k1"))
    path, base = stage / "config/genesis.json", stage / "base.json"
    if not dialect.default_denom:
        _redenominate(path, settings.denom)
    shutil.copyfile(path, base)
    binary.run(*dialect.add_account(settings.chain_id), account.address, render_coins(wanted.coins), *KEYRING)
    shape = _fund_others(path, account, settings, others, wanted.coins)
    with open_genesis(wanted.base or base, wanted.base_sha256, stage) as source:
        refuse_other_denom(source, settings.denom)
        time = wanted.genesis_time or (_now() if wanted.base else str(source.get("genesis_time")))
        grants = _grants(settings, account, [validator, *others], wanted, unix_seconds(time))
        addresses = {key: account.of(key, settings) for key in (validator, *others)}
        refuse_old_validators(source, {address: key.name for key, address in addresses.items()})
        signing = signers(source, grants, addresses.values())
        add_gentxs(
            binary,
            dialect,
            settings,
            own=validator,
            others=others,
            stake=render_coins(wanted.stake),
            flags=lambda key: _gentx_flags(wanted, signing[addresses[key]]),
        )
        gentxs = documents.load(path)["app_state"]["genutil"]["gen_txs"]
        compose(source, path, Parts(settings.chain_id, time, account.prefix, grants, shape, gentxs))
    base.unlink()
    validate(binary, dialect, path)
    refuse_unrunnable(path, settings.chain_id)
    return {**dialect.to_facts(), **account.to_facts(), "binary_starts": binary.starts}


def make_validator(settings: IdentitySettings, stage: Path, key: Key) -> Mapping[str, Any]:
    """A validator pod's home: node and consensus keys, fresh or derived, and the account's ``key`` in its keyring."""
    binary = ChainBinary(settings.chain_bin, stage)
    account = _home_with_key(binary, settings, key)
    return {**account.to_facts(), "binary_starts": binary.starts}


def learn(settings: IdentitySettings, key: Key, scratch: Path) -> Mapping[str, Any]:
    """The facts for the record of a genesis that a script makes; ``scratch`` is an empty directory.

    What the chain's accounts are is learned from one that the binary makes of the genesis pod's ``key`` there.
    """
    binary = ChainBinary(settings.chain_bin, scratch)
    dialect = probe(binary)
    account = _home_with_key(binary, settings, key)
    return {**dialect.to_facts(), **account.to_facts(), "binary_starts": binary.starts}


def validate(binary: ChainBinary, dialect: Dialect, path: Path) -> None:
    """Let the binary judge a genesis; it passes some that will not run (`exposer.genesis.lint`).

    It holds the whole genesis, in several forms: with Go's own default it takes five to six times the file's size. A
    soft limit costs it no time, and keeps it below four.

    Raises:
        BadInputError: it refuses what the settings made of the genesis.
    """
    binary.memory = max(_LEAST_MEMORY, path.stat().st_size * 7 // 2)
    try:
        binary.run(*dialect.genesis(dialect.validate), str(path))
    except BinaryFailedError as error:
        raise BadInputError(f"the chain's own binary refuses this genesis: {error}") from error


class Account(NamedTuple):
    """The first account that the binary made, and what it tells about all others: their prefix and algorithm."""

    address: str
    prefix: str
    algorithm: Algorithm
    key_type: str
    """The type URL of its public key, as transactions name it: EVM chains have one each."""

    def of(self, key: Key, settings: PodSettings) -> str:
        """The address of another key on this chain."""
        return key.address(self.prefix, settings.path, self.algorithm)

    def to_facts(self) -> dict[str, str]:
        """What later steps need, for the record."""
        return {"prefix": self.prefix, "algorithm": self.algorithm, "key_type": self.key_type}


def _home_with_key(binary: ChainBinary, settings: IdentitySettings, key: Key, flags: Sequence[str] = ()) -> Account:
    """``init``, the identity, the key into the keyring; how the chain makes addresses is learned from its answer.

    ``init`` is told another chain id, as no main network has it: told ``osmosis-1``, osmosisd fetches that network's
    genesis. The genesis gets its own id when it is composed, and the client's configuration by ``init-config``. So does
    the moniker: binaries write it into their TOML as it is, quotes too, and take one with a leading dash for a flag.
    """
    other = f"{settings.chain_id}0"[:_ID_LIMIT]
    try:
        binary.run("init", _MONIKER, "--chain-id", other, *flags)
    except BinaryFailedError as error:  # the user never wrote that id
        told = re.sub(rf"(?<![\w-]){re.escape(other)}(?![\w-])", lambda _: settings.chain_id, str(error))
        raise BinaryFailedError(f"CHAIN_ID, CHAIN_BIN: {told}") from error
    if settings.derived:
        write_identity(binary.home, key)
    path = ("--hd-path", at_index(settings.path, key.index))
    added = binary.run("keys", "add", key.name, "--recover", *path, "--output", "json", *KEYRING, secret=key.mnemonic)
    shown = json.loads(added)
    address, key_type = str(shown["address"]), str(json.loads(shown["pubkey"])["@type"])
    prefix, _ = decode_address(address)
    for algorithm in ALGORITHMS:
        if key.address(prefix, settings.path, algorithm) == address:
            return Account(address, prefix, algorithm, key_type)
    raise MismatchError(
        f"the binary derives {address} for key {key.name!r} and this program derives another address; "
        f"HD_PATH or COIN_TYPE is not this chain's, or its keys are none of {', '.join(ALGORITHMS)}"
    )


def _fund_others(
    path: Path, account: Account, settings: PodSettings, others: Sequence[Key], coins: dict[str, int]
) -> Shape:
    """Give the other validators what their gentxs bond; returns the shape of the account that the binary added."""
    grants = Grants(AddressForm(account.prefix))
    for key in others:
        grants.add(account.of(key, settings), render_coins(coins), f"KEYS_CONFIG: {key.name}")
    with Source(path) as workshop, (changed := path.with_suffix(".changed")).open("wb") as stream:
        shape = first_shape(workshop)
        workshop.rewrite(stream, add_accounts(workshop, grants, shape))
    changed.replace(path)
    return shape


def _grants(
    settings: PodSettings, account: Account, validators: Sequence[Key], wanted: Wanted, genesis_time: int
) -> Grants:
    """All that the genesis gives: to the validators, to the other keys, and to ``GENESIS_BALANCES``."""
    grants = Grants(AddressForm(account.prefix, hexadecimal=account.algorithm == "eth_secp256k1"))
    coins = render_coins(wanted.coins)
    for key in (*validators, *wanted.funded):
        grants.add(account.of(key, settings), coins, f"KEYS_CONFIG: {key.name}")
    if wanted.balances:
        grants.load(wanted.balances, genesis_time)
    return grants


def _gentx_flags(wanted: Wanted, signer: Signer) -> list[str]:
    """An account of a chain that ran has a number and a sequence, which its signature has to name."""
    terms = [f"--{name}={value}" for name, value in wanted.rates.items()]
    terms += ["--gas-prices", wanted.gas_prices] if wanted.gas_prices else []
    if not any(signer):
        return terms
    return [*terms, "--offline", "--account-number", str(signer.number), "--sequence", str(signer.sequence)]


def _redenominate(path: Path, denom: str) -> None:
    """Put ``denom`` in every field of a denomination where an SDK without ``--default-denom`` wrote its default."""
    genesis = documents.load(path)
    _rename(genesis["app_state"], denom)
    path.write_bytes(documents.render(genesis))


def _rename(state: Any, denom: str) -> None:
    if isinstance(state, list):
        for item in state:
            _rename(item, denom)
    elif isinstance(state, dict):
        for key, value in state.items():
            if value == "stake" and key.endswith("denom"):
                state[key] = denom
            else:
                _rename(value, denom)


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
