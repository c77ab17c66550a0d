"""Whether the transactions by which a genesis's validators bond can succeed; where one fails, the chain does not start.

The rules: ``x/staking/types/msg.go`` (``MsgCreateValidator.Validate``), ``x/staking/keeper/msg_server.go``
(``CreateValidator``) and ``x/auth/ante/setup.go`` of SDK 0.50, and the same before.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from exposer.accounts.power import unit_of_power
from exposer.genesis.accounts import base_account, held
from exposer.genesis.bonds import Bond, bonds, consensus_key
from exposer.genesis.finding import Finding
from exposer.genesis.source import FORMS, Source

_STAKING = ("app_state", "staking", "params")
_LONGEST = {"moniker": 70, "identity": 3000, "website": 140, "security_contact": 140, "details": 280}
"""Bytes of a validator's description (``x/staking/types/validator.go``)."""


def gentxs(source: Source) -> Iterator[Finding]:
    """Findings on each gentx: what it bonds, who pays that, its commission, description, gas and key."""
    judged = list(bonds(source))
    yield from (one for one in judged if isinstance(one, Finding))
    found = [one for one in judged if isinstance(one, Bond)]
    if not found:
        return
    staking = source.get(*_STAKING) or {}
    for bond in found:
        yield from _parties(bond)
        yield from _stake(bond, staking)
        yield from _terms(bond, staking)
        yield from _limits(bond, _parameters(source))
    yield from _taken(source, found)
    with contextlib.nullcontext() if found[0].modern else contextlib.suppress(*FORMS):  # as `bonds`
        yield from list(_funded(source, found))


def _parties(bond: Bond) -> Iterator[Finding]:
    """SDK 0.50 ignores ``delegator_address``; those from 0.40 to 0.47 compare it with the operator's."""
    if bond.modern and bond.stated not in {"", bond.delegator}:
        problem = f"its delegator_address, {bond.stated}, is not the account of its operator, {bond.operator}"
        yield Finding(bond.path, problem, "leave it empty, or write the operator's account there")


def _stake(bond: Bond, staking: Mapping[str, Any]) -> Iterator[Finding]:
    denom = staking.get("bond_denom")
    if denom is not None and bond.denom != denom:
        yield Finding(bond.path, f"it bonds {bond.denom}, and bond_denom is {denom}", "make them equal")
    # Before SDK 0.46, which brought min_commission_rate, chains with Ethereum's keys counted in 10^6 too.
    unit = unit_of_power(bond.denom, ethereum=bond.ethereum and "min_commission_rate" in staking)
    if bond.amount < (unit if bond.modern else 1):
        problem = f"it bonds {bond.amount}{bond.denom}, which is no voting power: one unit is {unit}{bond.denom}"
        yield Finding(bond.path, problem, "let it bond more (VALIDATOR_STAKE, COINS)")
    unbound = "validator_bond_factor" in staking  # the Cosmos Hub's staking, where this means nothing
    if bond.least is None and bond.modern and not unbound:
        yield Finding(bond.path, "it has no min_self_delegation", "set it to 1")
    if bond.least is not None and not unbound and not 0 < bond.least <= bond.amount:
        problem = f"its min_self_delegation, {bond.least}, is not from 1 to the {bond.amount} that it bonds"
        yield Finding(bond.path, problem, "set it to 1")


def _terms(bond: Bond, staking: Mapping[str, Any]) -> Iterator[Finding]:
    if problem := bond.commission.problem(Decimal(staking.get("min_commission_rate") or 0)):
        yield Finding(bond.path, problem, "set COMMISSION_RATE, COMMISSION_MAX_RATE, COMMISSION_MAX_CHANGE_RATE")
    if not any(bond.description.values()):
        yield Finding(bond.path, "its description is empty", "give the validator a moniker (MONIKER)")
    for name, longest in _LONGEST.items():
        if (length := len(str(bond.description.get(name, "")).encode())) > longest:
            yield Finding(bond.path, f"its {name} has {length} bytes, more than {longest}", "shorten it")


def _limits(bond: Bond, params: Mapping[str, Any]) -> Iterator[Finding]:
    most = int((params.get("block") or {}).get("max_gas") or -1)
    if 0 < most < bond.gas:
        yield Finding(bond.path, f"its gas, {bond.gas}, is above the block's max_gas, {most}", "raise max_gas")
    types = (params.get("validator") or {}).get("pub_key_types")
    if not bond.consensus_key:
        yield Finding(bond.path, "it has no consensus key", "make it again with the node's key (pubkey)")
    elif types and bond.key_type and bond.key_type not in types:
        problem = f"its consensus key is of type {bond.key_type}, and the chain allows only {', '.join(types)}"
        cure = f"add {bond.key_type} to pub_key_types, or give the node a key of another type"
        yield Finding(bond.path, problem, cure)


def _taken(source: Source, found: list[Bond]) -> Iterator[Finding]:
    """An operator has one validator, and a consensus key is of one, those of an exported state included."""
    runs = source.runs(source.find("app_state", "staking", "validators"))
    standing = {
        str(validator.get("operator_address")): consensus_key(validator.get("consensus_pubkey"))[0]
        for run in runs
        for validator in run.values
    }
    operators = Counter([*(bond.operator for bond in found), *standing])
    keys = Counter([*(bond.consensus_key for bond in found), *standing.values()])
    for bond in found:
        if operators[bond.operator] > 1:
            yield Finding(bond.path, f"{bond.operator} is another validator's operator too", "leave one of the two out")
        elif bond.consensus_key and keys[bond.consensus_key] > 1:
            problem = f"its consensus key {bond.consensus_key} is another validator's too"
            yield Finding(bond.path, problem, "give each node its own key")


def _funded(source: Source, found: list[Bond]) -> Iterator[Finding]:
    found = [bond for bond in found if bond.delegator]
    wanted = {bond.delegator for bond in found}
    known, funds = _accounts(source, wanted) if any(bond.modern for bond in found) else _old_accounts(source, wanted)
    for bond in found:
        if bond.delegator not in known:
            place = "app_state.auth.accounts" if bond.modern else "the accounts of app_state"
            yield Finding(bond.path, f"{bond.delegator} has no account in {place}", "add it there")
            continue
        needed = Counter({bond.denom: bond.amount}) + Counter(bond.fees)
        for denom, amount in needed.items():
            if (has := funds.get(bond.delegator, {}).get(denom, 0)) < amount:
                what = f"bonds {amount}{denom}" if denom not in bond.fees else f"bonds and pays {amount}{denom}"
                problem = f"{bond.delegator} {what}, and has {has}{denom}"
                yield Finding(bond.path, problem, "give it more (COINS), or let it bond less (VALIDATOR_STAKE)")


Accounts = tuple[set[str], Mapping[str, Mapping[str, int]]]
"""Those of some addresses that have an account, and what each has."""


def _accounts(source: Source, wanted: set[str]) -> Accounts:
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
    return known, funds


def _old_accounts(source: Source, wanted: set[str]) -> Accounts:
    """Up to SDK 0.39 an account has its coins itself; ``app_state.accounts`` was the first place."""
    funds = {
        str(account["address"]): held(account)
        for place in (("accounts",), ("auth", "accounts"))
        for run in source.runs(source.find("app_state", *place))
        for account in map(_flat, run.values)
        if account.get("address") in wanted
    }
    return set(funds), funds


def _flat(account: Mapping[str, Any]) -> dict[str, Any]:
    """Address and coins of an account: its own, or those of the ``value`` and base account in it."""
    flat: dict[str, Any] = {}
    for inner in account.values():
        if isinstance(inner, Mapping):
            flat |= _flat(inner)
    return flat | {name: account[name] for name in ("address", "coins") if name in account}


def _parameters(source: Source) -> Mapping[str, Any]:
    """The consensus parameters; `exposer.genesis.lint` tells where the wrong ones of two places are set."""
    return source.get("consensus", "params") or source.get("consensus_params") or {}
