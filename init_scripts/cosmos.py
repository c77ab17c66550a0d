"""The driver for Cosmos SDK binaries: the binary makes what only it knows, the rest is added to its files natively.

The number of its starts is constant: two to probe, then init, keys add, add-genesis-account (one account, whose
shape the others get), gentx, collect-gentxs and validate.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from exposer.accounts.address import decode_address
from exposer.accounts.coins import render_coins
from exposer.accounts.hd import at_index
from exposer.accounts.keyfile import Key
from exposer.errors import BadInputError, MismatchError
from exposer.genesis import document as documents
from exposer.genesis.lint import refuse_unrunnable
from init_scripts.binary import ChainBinary, Dialect, probe
from init_scripts.settings import PodSettings

KEYRING = ("--keyring-backend", "test")
_STAKE_SHARE = 20
"""A validator bonds a twentieth of what its account has, unless VALIDATOR_STAKE says otherwise."""


def default_stake(coins: Mapping[str, int], denom: str) -> dict[str, int]:
    """What a validator bonds of its ``coins``; raises `BadInputError` where it has none of the bond denomination."""
    if coins.get(denom, 0) < _STAKE_SHARE:
        raise BadInputError(
            f"COINS: no {denom} to bond; give at least {_STAKE_SHARE}{denom}, or set DENOM to what is funded"
        )
    return {denom: coins[denom] // _STAKE_SHARE}


def make_genesis(
    settings: PodSettings,
    stage: Path,
    *,
    validator: Key,
    funded: list[Key],
    balances: Mapping[str, dict[str, int]],
    coins: dict[str, int],
    stake: dict[str, int],
    genesis_time: str,
) -> Mapping[str, Any]:
    """The genesis pod's home, with ``config/genesis.json`` ready to start; returns facts for the record.

    Args:
        settings: the chain and the pod.
        stage: an empty directory, the home to fill.
        validator: the genesis pod's own key, which gets ``coins`` too.
        funded: the further keys that get ``coins`` each.
        balances: further address -> denomination -> amount.
        coins: what every funded key has.
        stake: what the genesis validator bonds.
        genesis_time: RFC 3339; empty keeps the time that the binary wrote.
    """
    binary = ChainBinary(settings.chain_bin, stage)
    dialect = probe(binary)
    address = _home_with_key(binary, dialect, settings, validator)
    binary.run(*dialect.genesis("add-genesis-account"), address, render_coins(coins), *KEYRING)
    path = stage / "config/genesis.json"
    if not dialect.default_denom:
        _edit(path, lambda genesis: _redenominate(genesis["app_state"], settings.denom))
    arguments = (validator.name, render_coins(stake), "--chain-id", settings.chain_id, "--moniker", settings.node_name)
    binary.run(*dialect.genesis("gentx"), *arguments, "--ip", settings.hostname, *KEYRING)
    binary.run(*dialect.genesis("collect-gentxs"))
    prefix, _ = decode_address(address)
    extra = [(key.address(prefix, settings.path), coins) for key in funded]

    def finish(genesis: documents.Genesis) -> None:
        genesis["genesis_time"] = genesis_time or genesis["genesis_time"]
        documents.add_accounts(genesis, _merged([*extra, *balances.items()]))

    genesis = _edit(path, finish)  # last: each command of the binary reads the whole genesis, with every account
    validate(binary, dialect, path)
    refuse_unrunnable(genesis, settings.chain_id)
    return {**dialect.to_facts(), "binary_starts": binary.starts}


def make_validator(settings: PodSettings, stage: Path, key: Key) -> Mapping[str, Any]:
    """A validator pod's home: fresh node and consensus keys, and the account's ``key`` in its keyring."""
    binary = ChainBinary(settings.chain_bin, stage)
    dialect = probe(binary)
    _home_with_key(binary, dialect, settings, key)
    return {**dialect.to_facts(), "binary_starts": binary.starts}


def validate(binary: ChainBinary, dialect: Dialect, path: Path) -> None:
    """Let the binary judge a genesis; it passes some that will not run (`exposer.genesis.lint`)."""
    binary.run(*dialect.genesis(dialect.validate), str(path))


def _home_with_key(binary: ChainBinary, dialect: Dialect, settings: PodSettings, key: Key) -> str:
    """``init``, then the key into the keyring; returns its address, once our own derivation agrees with it."""
    denom = ("--default-denom", settings.denom) if dialect.default_denom else ()
    binary.run("init", settings.node_name, "--chain-id", settings.chain_id, *denom)
    path = ("--hd-path", at_index(settings.path, key.index))
    added = binary.run("keys", "add", key.name, "--recover", *path, "--output", "json", *KEYRING, secret=key.mnemonic)
    address = str(json.loads(added)["address"])
    prefix, _ = decode_address(address)
    if key.address(prefix, settings.path) != address:
        raise MismatchError(
            f"the binary derives {address} for key {key.name!r} and this program derives another address; "
            f"HD_PATH or COIN_TYPE is not this chain's, or its keys are not secp256k1"
        )
    return address


def _edit(path: Path, change: Callable[[documents.Genesis], None]) -> documents.Genesis:
    genesis: documents.Genesis = documents.load(path)
    change(genesis)
    path.write_bytes(documents.render(genesis))
    path.chmod(0o644)  # public, also where the binary thinks otherwise: a sidecar may be another user
    return genesis


def _merged(accounts: Iterable[tuple[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    merged: dict[str, dict[str, int]] = {}
    for address, funds in accounts:
        if address in merged:
            raise BadInputError(f"{address} is funded twice; give each account its own key, and its balance once")
        merged[address] = funds
    return merged


def _redenominate(state: Any, denom: str) -> None:
    """Put ``denom`` in every field of a denomination where an SDK without ``--default-denom`` wrote its default."""
    if isinstance(state, list):
        for item in state:
            _redenominate(item, denom)
    elif isinstance(state, dict):
        for key, value in state.items():
            if value == "stake" and key.endswith("denom"):
                state[key] = denom
            else:
                _redenominate(value, denom)
