"""Who makes the blocks of a chain that starts from a genesis; without anybody it does not start."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from exposer.accounts.power import unit_of_power
from exposer.genesis.bonds import PLACES, has_gentxs
from exposer.genesis.finding import Finding
from exposer.genesis.source import Source

_DOCUMENT: tuple[tuple[str, ...], ...] = (("validators",), ("consensus", "validators"))
_STAKING = ("app_state", "staking")
_CONSUMER = ("app_state", "ccvconsumer")
_SETS: tuple[tuple[str, ...], ...] = ((*_CONSUMER, "provider", "initial_val_set"), (*_CONSUMER, "initial_val_set"))
"""Where a consumer chain has its validators: from interchain-security v4 on, and before."""
_JUDGED = {"staking", "slashing", "distribution", "ccvconsumer"}
_NAMED: Mapping[str, int | str] = {"bonded": "BOND_STATUS_BONDED", "unbonded": "BOND_STATUS_UNBONDED"}
_NUMBERED: Mapping[str, int | str] = {"bonded": 3, "unbonded": 1}  # staking.proto
_AMINO: Mapping[str, int | str] = {"bonded": 2, "unbonded": 0}  # up to SDK 0.39, with keys in bech32


def validators(source: Source) -> Iterator[Finding]:
    """A finding where nobody would make blocks.

    Validators are in the document itself, in gentxs, in the state of a chain that ran, in what a provider chain gave
    its consumer, or in a module of the chain's own (``mstaking``, ``opchild``).
    """
    named = False
    for path in _DOCUMENT:
        for number, one in enumerate(source.get(*path) or []):
            named = True
            if _power(one) <= 0:
                cure = "give it a power above 0, or leave it out"
                yield Finding(f"{'.'.join(path)}.{number}", "a validator without voting power", cure)
    if named:
        return
    if is_consumer(source):
        if not any(_power(one) > 0 for path in _SETS for one in source.get(*path) or []):
            path = _SETS[0] if source.find(*_CONSUMER, "provider") else _SETS[1]
            yield Finding(
                ".".join(path), "no validator with voting power", "take the initial set from the provider chain"
            )
        return
    if has_gentxs(source) or _stands(source) or any(source.value(own) for own in _of_modules(source)):
        return
    yield Finding(".".join(PLACES[0]), "no validator with voting power", "collect at least one gentx")


def _power(one: Mapping[str, Any]) -> int:
    return int(one.get("power") or one.get("Power") or 0)  # up to SDK 0.39 the state has it with a capital


def _stands(source: Source) -> bool:
    """Whether the state has a validator that makes blocks (``InitGenesis`` of ``x/staking``).

    An exported state lists the powers of its last block. In any other state the SDK bonds all validators that are not
    jailed and have a unit of power, whatever their status is. The unit is 10^6 here: a genesis does not state another.
    """
    if source.get(*_STAKING, "exported") is True:
        runs = source.runs(source.find(*_STAKING, "last_validator_powers"))
        return any(_power(one) > 0 for run in runs for one in run.values)
    standing = (one for run in source.runs(source.find(*_STAKING, "validators")) for one in run.values)
    return any(not one.get("jailed") and Decimal(str(one.get("tokens") or 0)) >= _unit(one) for one in standing)


def _unit(validator: Mapping[str, Any]) -> int:
    """Before SDK 0.34 one token was a unit; the states up to 0.39 look alike, with keys in bech32."""
    return 1 if isinstance(validator.get("consensus_pubkey"), str) else unit_of_power("", ethereum=False)


def is_consumer(source: Source) -> bool:
    """Whether the validators are those of a provider chain: gentxs make none then (``x/ccv/consumer``)."""
    enabled = source.get(*_CONSUMER, "params", "enabled")
    return enabled is True or (enabled is None and any(source.get(*path) for path in _SETS))


def is_bonded(validator: Mapping[str, Any]) -> bool:
    """Whether a validator of the state has voting power."""
    return validator.get("status") == _statuses(validator)["bonded"]


def unbonded(validator: Mapping[str, Any]) -> int | str:
    """The status of one that has none, as the state writes it."""
    return _statuses(validator)["unbonded"]


def _statuses(validator: Mapping[str, Any]) -> Mapping[str, int | str]:
    if not isinstance(validator.get("status"), int):
        return _NAMED
    return _AMINO if isinstance(validator.get("consensus_pubkey"), str) else _NUMBERED


def _of_modules(source: Source) -> Iterator[Any]:
    state = source.find("app_state")
    for name, module in (source.members(state) if state else {}).items():
        own = source.members(module).get("validators") if name not in _JUDGED else None
        if own:
            yield own
