"""Whether the transactions by which a genesis's validators bond can succeed; where one fails, the chain does not start.

The rules: ``x/staking/keeper/msg_server.go`` (``CreateValidator``) and ``x/auth/ante/setup.go`` of SDK 0.50, and the
same before.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from exposer.accounts.address import decode_address, encode_address
from exposer.genesis.accounts import base_account, held
from exposer.genesis.finding import Finding
from exposer.genesis.source import Source

_PATH = ("app_state", "genutil", "gen_txs")
_STAKING = ("app_state", "staking", "params", "bond_denom")


class _Bond(NamedTuple):
    """What one gentx does."""

    path: str
    delegator: str
    denom: str
    amount: int
    key_type: str
    gas: int


def gentxs(source: Source) -> Iterator[Finding]:
    """Findings on each gentx: what it bonds, who pays that, its gas, and the type of its key."""
    bonds = list(_bonds(source))
    if not bonds:
        return
    denom, params = source.get(*_STAKING), _parameters(source)
    most = int(params.get("block", {}).get("max_gas") or -1)
    types = params.get("validator", {}).get("pub_key_types")
    for bond in bonds:
        if denom is not None and bond.denom != denom:
            yield Finding(bond.path, f"it bonds {bond.denom}, and bond_denom is {denom}", "make them equal")
        if 0 < most < bond.gas:
            yield Finding(bond.path, f"its gas, {bond.gas}, is above the block's max_gas, {most}", "raise max_gas")
        if types and bond.key_type not in types:
            yield Finding(bond.path, f"its key is {bond.key_type}, none of pub_key_types", "add it to them")
    yield from _funded(source, bonds)


def _funded(source: Source, bonds: list[_Bond]) -> Iterator[Finding]:
    wanted = {bond.delegator for bond in bonds}
    known = {
        account["address"]
        for run in source.runs(source.find("app_state", "auth", "accounts"))
        for account in map(base_account, run.values)
        if account.get("address") in wanted
    }
    funds = {
        balance["address"]: held(balance)
        for run in source.runs(source.find("app_state", "bank", "balances"))
        for balance in run.values
        if balance["address"] in wanted
    }
    for bond in bonds:
        if bond.delegator not in known:
            yield Finding(bond.path, f"{bond.delegator} has no account in app_state.auth.accounts", "add it there")
        elif (has := funds.get(bond.delegator, {}).get(bond.denom, 0)) < bond.amount:
            problem = f"{bond.delegator} bonds {bond.amount}{bond.denom}, and has {has}{bond.denom}"
            yield Finding(bond.path, problem, "give it more (COINS), or let it bond less (VALIDATOR_STAKE)")


def _bonds(source: Source) -> Iterator[_Bond]:
    number = 0
    for run in source.runs(source.find(*_PATH)):
        for gentx in run.values:
            for message in (gentx.get("body") or {}).get("messages") or []:
                if str(message.get("@type")).endswith(".MsgCreateValidator"):
                    yield _bond(f"{'.'.join(_PATH)}.{number}", message, gentx)
            number += 1


def _bond(path: str, message: Mapping[str, Any], gentx: Mapping[str, Any]) -> _Bond:
    value = message["value"]
    gas = ((gentx.get("auth_info") or {}).get("fee") or {}).get("gas_limit") or 0
    key_type = str(message["pubkey"]["@type"]).split(".")[-2]  # /cosmos.crypto.ed25519.PubKey
    return _Bond(path, _delegator(message), str(value["denom"]), int(value["amount"]), key_type, int(gas))


def _delegator(message: Mapping[str, Any]) -> str:
    """The account that bonds: newer SDKs leave its address out, and take the operator's."""
    if address := message.get("delegator_address"):
        return str(address)
    prefix, raw = decode_address(str(message["validator_address"]))
    return encode_address(prefix.removesuffix("valoper"), raw)


def _parameters(source: Source) -> Mapping[str, Any]:
    """The consensus parameters; `exposer.genesis.lint` tells where the wrong ones of two places are set."""
    return source.get("consensus", "params") or source.get("consensus_params") or {}
