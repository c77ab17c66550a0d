"""What must hold for the validators of a chain to take part: their commission, their number, and what they bond."""

import contextlib
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from exposer.accounts.coins import CREDIT_SHARE, STAKE_SHARE, one_credit, parse_coins
from exposer.accounts.commission import DEFAULT_MAX_CHANGE_RATE, DEFAULT_MAX_RATE, DEFAULT_RATE, Commission
from exposer.accounts.power import unit_of_power
from exposer.errors import BadInputError
from exposer.network.file.chains import ChainFacts, faucet_of, resolve
from exposer.network.file.model import Chain, Network
from exposer.network.file.scripts import scripted
from exposer.network.file.source import Fault, Location

_STAKING = "app_state.staking.params"


def faults_of_bonding(network: Network, place: int, *, sound_faucet: bool) -> Iterator[Fault]:
    """Faults of the chain at ``place``, whose coins are well-formed; what its faucet gives is judged if that is too."""
    chain, at = network.chains[place], ("chains", place)
    for location, text in (*_of_commission(chain), *_of_number(chain), *_of_stated(chain)):
        yield (*at, *location), text
    for purse in _purses(network, place, sound_faucet=sound_faucet):
        yield from _of_stake(chain, at, purse)


def joins(chain: Chain) -> bool:
    """Whether validators of a chain with accounts join by a transaction."""
    return chain.num_validators > 1 and chain.validators != "genesis"


def _of_commission(chain: Chain) -> Iterator[Fault]:
    own = chain.commission
    commission = Commission.of(
        own.rate or DEFAULT_RATE, own.max_rate or DEFAULT_MAX_RATE, own.max_change_rate or DEFAULT_MAX_CHANGE_RATE
    )
    if problem := commission.problem():
        yield ("commission",), f"is refused by every chain: {problem}; change one of the two"
        return
    asked, where = _patched(chain.genesis.patch, f"{_STAKING}.min_commission_rate")
    with contextlib.suppress(InvalidOperation):  # the chain's own binary names it
        least = Decimal(str(asked or 0))
        if problem := commission.problem(least):
            fields = "commission.rate" if least <= commission.max_rate else "commission.rate and commission.maxRate"
            yield where, f"is more than validators have: {problem}; set {fields} to {least} or more"


def _of_number(chain: Chain) -> Iterator[Fault]:
    most, where = _patched(chain.genesis.patch, f"{_STAKING}.max_validators")
    if re.fullmatch("[0-9]{1,9}", str(most)) and int(most) < chain.num_validators:
        yield where, f"is {most}, and the chain has {chain.num_validators} validators (numValidators); raise it"


def _of_stated(chain: Chain) -> Iterator[Fault]:
    stated = _stated(chain)
    if stated and len(stated[1]) > 1:
        text = f"is {len(stated[1])} coins, and a validator bonds one; keep {resolve(chain).denom}"
        yield ("env", stated[0], "value"), text


def _patched(patch: Any, path: str, at: Location = ("genesis",)) -> tuple[Any, Location]:
    """What a patch says of a dotted path, however its keys are split, and where; the last word counts."""
    if not path:
        return patch, at
    found: tuple[Any, Location] = (None, at)
    for key, inner in patch.items() if isinstance(patch, dict) else ():
        if path == key or path.startswith(f"{key}."):
            said = _patched(inner, path[len(key) + 1 :], (*at, key))
            found = said if said[0] is not None else found
    return found


class _Purse(NamedTuple):
    """What those have who bond by a step's own work, and the field that gives it, ``times`` as much."""

    location: Location
    coins: dict[str, int]
    times: int = 1


def _purses(network: Network, place: int, *, sound_faucet: bool) -> Iterator[_Purse]:
    chain, at = network.chains[place], ("chains", place)
    facts, faucet = resolve(chain), faucet_of(network, chain)
    coins, field = parse_coins(facts.coins, "coins"), (*at, "coins" if chain.coins else "denom")
    joining = joins(chain) and not scripted(chain, "create-validator")
    if not scripted(chain, "init-genesis") or (joining and faucet is None):
        yield _Purse(field, coins)
    if joining and faucet and faucet.amount is None:
        yield _Purse(field, one_credit(coins), CREDIT_SHARE)
    elif joining and faucet and faucet.amount and sound_faucet:
        own: Location = (*at, "faucet", "amount") if chain.faucet.amount else ("faucet", "amount")
        yield _Purse(own, parse_coins(faucet.amount, "amount"))


def _of_stake(chain: Chain, at: Location, purse: _Purse) -> Iterator[Fault]:
    facts = resolve(chain)
    denom, has, stated = facts.denom, purse.coins.get(facts.denom), _stated(chain)
    if has is None or (stated and len(stated[1]) > 1):
        return  # a fault of its own
    stake, unit = has // STAKE_SHARE if stated is None else stated[1].get(denom, 0), _unit(facts)
    location = purse.location if stated is None else (*at, "env", stated[0], "value")
    if stake > has:
        yield location, f"is {stake}{denom}, and an account that bonds it has {has}{denom}; lower it"
    if stake < unit:
        least = unit if stated else unit * STAKE_SHARE * purse.times
        problem = f"lets a validator bond {stake}{denom}, less than {unit}{denom}, one unit of voting power"
        yield location, f"{problem}; give at least {least}{denom}"


def _unit(facts: ChainFacts) -> int:
    """As far as the file tells: a coin type of 60 is no key algorithm, and the step asks the binary."""
    return unit_of_power(facts.denom, ethereum=facts.algorithm == "eth_secp256k1")


def _stated(chain: Chain) -> tuple[int, dict[str, int]] | None:
    """Which of the chain's variables says what each validator bonds, and how much; None where none does."""
    for number, entry in enumerate(chain.env):
        if entry.name.upper() == "VALIDATOR_STAKE":
            with contextlib.suppress(BadInputError):  # the step names it
                return number, parse_coins(entry.value, entry.name)
    return None
