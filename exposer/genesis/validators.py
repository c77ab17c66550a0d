"""Who makes the blocks of a chain that starts from a genesis; without anybody it does not start."""

from collections.abc import Iterator, Mapping
from typing import Any

from exposer.genesis.bonds import PLACES, has_gentxs
from exposer.genesis.finding import Finding
from exposer.genesis.source import Source

_STATE = ("app_state", "staking", "validators")
_CONSUMER = ("app_state", "ccvconsumer")
_SETS = ((*_CONSUMER, "provider", "initial_val_set"), (*_CONSUMER, "initial_val_set"))
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
    if source.get("validators") or source.get("consensus", "validators"):
        return
    if is_consumer(source):
        if not any(int(one.get("power") or 0) > 0 for path in _SETS for one in source.get(*path) or []):
            path = _SETS[0] if source.find(*_CONSUMER, "provider") else _SETS[1]
            yield Finding(".".join(path), "no validator anywhere", "take the initial set from the provider chain")
        return
    standing = (one for run in source.runs(source.find(*_STATE)) for one in run.values)
    if has_gentxs(source) or any(is_bonded(one) and not one.get("jailed") for one in standing):
        return
    if not any(source.value(own) for own in _of_modules(source)):
        yield Finding(".".join(PLACES[0]), "no validator anywhere", "collect at least one gentx")


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
