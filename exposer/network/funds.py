"""What must hold between the amounts of one chain: coins, balances, what gas costs, and what a faucet gives."""

import re
from collections.abc import Iterator, Mapping

from exposer.accounts.coins import parse_coins
from exposer.errors import BadInputError
from exposer.genesis.addresses import AddressForm
from exposer.genesis.grants import Grants
from exposer.genesis.vesting import parse_vesting
from exposer.network.bonding import faults_of_bonding, joins
from exposer.network.file.chains import ChainFacts, faucet_of, resolve
from exposer.network.file.fields import PRICE
from exposer.network.file.model import Chain, Network
from exposer.network.file.source import Fault, Location

_NEEDED_BY_VESTING = {"continuous": "end", "delayed": "end", "periodic": "periods"}


def faults_of_funds(network: Network, place: int) -> Iterator[Fault]:
    """Faults of the chain at ``place``, which has accounts."""
    chain, at = network.chains[place], ("chains", place)
    facts = resolve(chain)
    if not (facts.denom and facts.coins and facts.bech32_prefix):
        return  # a custom chain that has yet to name them
    try:
        coins = parse_coins(facts.coins, "coins")
    except BadInputError as error:
        yield (*at, "coins"), str(error).removeprefix("coins: ")
        return
    for location, text in (*_of_coins(chain, facts, coins), *_of_balances(chain, facts)):
        yield (*at, *location), text
    unfunded = list(_of_faucet(network, place, facts, coins))
    yield from unfunded
    yield from _of_gas(network, place, facts, coins)
    yield from faults_of_bonding(network, place, sound_faucet=not unfunded)


def _of_coins(chain: Chain, facts: ChainFacts, coins: Mapping[str, int]) -> Iterator[Fault]:
    field: Location = ("coins",) if chain.coins else ("denom",)
    if facts.denom not in coins:
        text = f"has no {facts.denom}, the denomination to bond; add for example 100000000000{facts.denom} to coins"
        yield field, text


def _of_balances(chain: Chain, facts: ChainFacts) -> Iterator[Fault]:
    grants = Grants(AddressForm(facts.bech32_prefix, hexadecimal=facts.algorithm == "eth_secp256k1"))
    for place, balance in enumerate(chain.balances):
        at: Location = ("balances", place)
        vesting = balance.vesting.model_dump(exclude_none=True) if balance.vesting else {}
        needed = _NEEDED_BY_VESTING.get(vesting.get("type", ""), "type")
        if vesting and not vesting.get(needed):
            yield (*at, "vesting", needed), f"is required with type: {vesting['type']}; add it"
            continue
        try:
            address = grants.add(balance.address, balance.amount, "address")
            if vesting:
                parse_vesting({**vesting, **_listed(vesting)}, grants.coins(address), 0, "vesting")
        except BadInputError as error:
            yield at, str(error)


def _listed(vesting: Mapping[str, object]) -> dict[str, object]:
    """The periods as the step reads them from JSON."""
    periods = vesting.get("periods")
    return {"periods": list(periods)} if isinstance(periods, tuple) else {}


def _of_faucet(network: Network, place: int, facts: ChainFacts, coins: Mapping[str, int]) -> Iterator[Fault]:
    chain, at = network.chains[place], ("chains", place)
    faucet = faucet_of(network, chain)
    if faucet is None or faucet.amount is None:
        return
    field: Location = (*at, "faucet", "amount") if chain.faucet.amount else ("faucet", "amount")
    try:
        amount = parse_coins(faucet.amount, "amount")
    except BadInputError as error:
        yield field, str(error).removeprefix("amount: ")
        return
    for denom, number in amount.items():
        if number > coins.get(denom, 0):
            yield field, f"is {number}{denom}, and the faucet of {chain.id} has {coins.get(denom, 0)}{denom} (coins)"
    if joins(chain) and not amount.get(facts.denom):
        yield field, f"has no {facts.denom}, which the validators of {chain.id} that join ask for; add it"


def _of_gas(network: Network, place: int, facts: ChainFacts, coins: Mapping[str, int]) -> Iterator[Fault]:
    chain, at = network.chains[place], ("chains", place)
    for price, denom in re.findall(PRICE, facts.gas_prices):
        if float(price) and denom not in coins:
            yield (*at, "gasPrices"), f"is in {denom}, of which no account has any; name a denomination of coins"
    asked = any(float(price) for price, _ in re.findall(PRICE, chain.minimum_gas_prices or ""))
    if asked and not facts.gas_prices and (joins(chain) or faucet_of(network, chain)):
        text = "asks for gas to be paid, and validators that join and the faucet pay nothing; set gasPrices as well"
        yield (*at, "minimumGasPrices"), text
