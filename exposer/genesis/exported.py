"""The state of a chain that ran (``<binary> export``), made the start of a new one whose validators are others.

The old validators stay, with all that was delegated to them, but unbonded and jailed; what they had bonded moves to the
pool of what is not bonded. ``staking.exported`` stays true: the SDK takes rewards and periods as the state has them
(``x/staking/keeper/genesis.go``), and expects no power of a validator that is not in ``last_validator_powers``.
"""

from collections.abc import Iterator
from typing import NamedTuple

from exposer.accounts.address import decode_address
from exposer.errors import BadInputError
from exposer.genesis import edit
from exposer.genesis.accounts import Moved
from exposer.genesis.addresses import module_address
from exposer.genesis.scan import Span
from exposer.genesis.source import Change, Source
from exposer.genesis.validators import is_bonded, is_consumer, unbonded

_STAKING = ("app_state", "staking")
_EMPTIED: tuple[tuple[tuple[str, ...], object], ...] = (
    (("validators",), []),
    (("consensus", "validators"), []),
    ((*_STAKING, "last_validator_powers"), []),
    ((*_STAKING, "last_total_power"), "0"),
)


class Aside(NamedTuple):
    """What sets the validators of a state aside: changes of it, and what moves between balances."""

    changes: list[Change]
    moved: Moved


def operators(source: Source) -> set[bytes]:
    """The accounts, as bytes, of the validators that are in the state.

    Raises:
        BadInputError: one of them has no such address.
    """
    with source.expected_form():
        runs = source.runs(source.find(*_STAKING, "validators"))
        return {decode_address(str(one.get("operator_address")))[1] for run in runs for one in run.values}


def set_validators_aside(source: Source, prefix: str) -> Aside:
    """What lets a chain start from this genesis with none of the validators that are in its state.

    Raises:
        BadInputError: its validators have a form not known here, or are those of a provider chain.
    """
    if is_consumer(source):
        problem = "its validators are those of a provider chain, and a gentx makes none beside them"
        raise BadInputError(f"{source.field}: {problem}; make this genesis with a script (createGenesis)")
    changes = [
        edit.replace(source, span, value, len(path))
        for path, value in _EMPTIED
        if (span := source.find(*path)) and source.value(span)
    ]
    changes += _without_localhost(source)
    bonded = 0
    validators = source.find(*_STAKING, "validators")
    for validator in source.elements(validators) if validators and source.kind(validators) == "[" else ():
        members = source.members(validator)
        if not {"status", "jailed", "tokens"} <= members.keys():
            raise BadInputError(
                "GENESIS_FROM: a validator in app_state.staking.validators has no status, jailed, tokens"
            )
        state = {name: source.value(members.get(name)) for name in ("status", "tokens", "consensus_pubkey")}
        if is_bonded(state):
            bonded += int(state["tokens"])
        for name, value in (("status", unbonded(state)), ("jailed", True)):
            changes.append(edit.replace(source, members[name], value, len(_STAKING) + 2))
    denom = source.get(*_STAKING, "params", "bond_denom")
    if not bonded:
        return Aside(changes, {})
    if not isinstance(denom, str):
        raise BadInputError(f"{source.field}: it has no app_state.staking.params.bond_denom, and bonded validators")
    pools = {"bonded_tokens_pool": -bonded, "not_bonded_tokens_pool": bonded}
    return Aside(changes, {module_address(prefix, pool): {denom: amount} for pool, amount in pools.items()})


def _without_localhost(source: Source) -> Iterator[Change]:
    """Take out IBC's connection with itself: ibc-go v7 refuses it, and makes it anew (``03-connection/genesis.go``)."""
    connections = source.find("app_state", "ibc", "connection_genesis", "connections")
    spans = list(source.elements(connections)) if connections and source.kind(connections) == "[" else []
    for position, span in enumerate(spans):
        if source.value(source.members(span).get("id")) == "connection-localhost":
            start = spans[position - 1].end if position else span.start
            follows = position == 0 and len(spans) > 1
            yield Change(Span(start, spans[1].start if follows else span.end), [])
