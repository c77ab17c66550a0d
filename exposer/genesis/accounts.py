"""Accounts and balances, added to a genesis in one pass, in the shape that the chain's own binary gives an account."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from exposer.accounts.coins import parse_coins, to_json
from exposer.errors import BadInputError, MismatchError
from exposer.genesis import edit
from exposer.genesis.document import render
from exposer.genesis.grants import Grants, module_error
from exposer.genesis.scan import Span
from exposer.genesis.source import Change, Source

_LIST = 3  # app_state.auth.accounts: the level of a list, whose elements stand one deeper
_LISTS = (("auth", "accounts"), ("bank", "balances"), ("bank", "supply"))
_ADDRESS, _NUMBER = "@address@", "@number@"
Moved = Mapping[str, Mapping[str, int]]
"""Address -> denomination -> what its balance grows by, or shrinks where it is negative."""


class Signer(NamedTuple):
    """What a signature names beside the chain: the account's number and sequence."""

    number: int
    sequence: int


class Shape(NamedTuple):
    """An account as the chain's binary wrote it, with ``address`` in it."""

    account: Mapping[str, Any]
    address: str


def base_account(account: Mapping[str, Any]) -> Mapping[str, Any]:
    """The base account, which holds address and number, of an account of any type."""
    for holder in ("base_vesting_account", "base_account"):
        if isinstance(inner := account.get(holder), Mapping):
            return base_account(inner)
    return account


def held(balance: Mapping[str, Any]) -> dict[str, int]:
    """Denomination -> amount of a balance; a list that is empty may be left out, or null."""
    return {coin["denom"]: int(coin["amount"]) for coin in balance.get("coins") or []}


def first_shape(source: Source) -> Shape:
    """The shape of a genesis's first account; raises `MismatchError` where it has none."""
    for run in source.runs(source.find("app_state", "auth", "accounts")):
        account = run.values[0]
        return Shape(account, str(base_account(account).get("address")))
    raise MismatchError("the chain's binary added no account; its genesis has a form not known here")


def add_accounts(source: Source, grants: Grants, shape: Shape, moved: Moved | None = None) -> list[Change]:
    """The changes that give what ``grants`` say, and move what ``moved`` says between balances.

    Accounts get the next numbers, in the order of the grants; so do balances: the SDK sorts both when the chain starts
    (``SanitizeGenesisAccounts``, ``SanitizeGenesisBalances``). An account that is there already is given the coins. A
    supply that is stated grows by what the grants give, so that it stays the sum of the balances, as the bank module
    wants; where there are balances without one, the chain sums them up itself.

    Raises:
        BadInputError: this is no genesis of an SDK chain, or an account that is there already is to vest.
    """
    accounts, balances, supply = (_place(source, *path) for path in _LISTS)
    there, number = _survey(source, grants)
    fresh = (address for address, _ in grants if address not in there)
    items = _accounts(fresh, grants, shape, number, source.indent)
    changes = [edit.append(source, accounts, items, _LIST), *_balances(source, balances, grants, moved or {})]
    stated = source.value(supply) or []
    if stated or next(source.runs(balances), None) is None:
        total = _plus(held({"coins": stated}), grants.total)
        changes.append(edit.replace(source, supply, to_json(total), _LIST))
    return changes


def _place(source: Source, *path: str) -> Span:
    """A list in the genesis, which Go may have written as null."""
    span = source.find("app_state", *path)
    if span is None:
        raise BadInputError(f"{source.field}: it has no app_state with auth.accounts, bank.balances and bank.supply")
    if source.kind(span) not in "[n":
        raise BadInputError(f"{source.field}: app_state.{'.'.join(path)} is no list; let its own chain export it")
    return span


def signers(source: Source, grants: Grants, addresses: Iterable[str]) -> dict[str, Signer]:
    """How the chain will know these addresses, all of them in ``grants``, when it reads the gentxs of its genesis.

    In block 0 every number is 0 (``x/auth/ante/sigverify.go``); a chain with an initial height has no block 0.

    Raises:
        BadInputError: the genesis is no SDK chain's, or a grant is to an account that can have none.
    """
    wanted = set(addresses)
    with source.expected_form():
        there, number = _survey(source, grants)
        late = int(source.get("initial_height") or 0) > 1
    fresh = (address for address, _ in grants if address not in there)
    known = there | {address: Signer(count, 0) for count, address in enumerate(fresh, number) if address in wanted}
    return {address: known[address] if late else Signer(0, known[address].sequence) for address in wanted}


def _survey(source: Source, grants: Grants) -> tuple[dict[str, Signer], int]:
    """Those of the grants' addresses that have an account, and the first number that is free behind all others."""
    there: dict[str, Signer] = {}
    number = 0
    for run in source.runs(source.find("app_state", "auth", "accounts")):
        for outer in run.values:
            account = base_account(outer)
            own = int(account.get("account_number") or 0)
            number = max(number, own + 1)
            if account.get("address") in grants:
                if "name" in outer:  # a ModuleAccount
                    raise module_error("GENESIS_BALANCES", account["address"], outer["name"])
                there[str(account["address"])] = Signer(own, int(account.get("sequence") or 0))
    if vesting := sorted(there.keys() & grants.vesting.keys()):
        raise BadInputError(f"GENESIS_BALANCES: {vesting[0]} has an account already; only a new one can vest")
    return there, number


def _accounts(addresses: Iterator[str], grants: Grants, shape: Shape, number: int, indent: str) -> Iterator[bytes]:
    plain = _template(shape.account, shape.address, indent)
    base = {key: value for key, value in base_account(shape.account).items() if key != "@type"}
    for count, address in enumerate(addresses, start=number):
        vesting = grants.vesting.get(address)
        template = _template(vesting.account(base), shape.address, indent) if vesting else plain
        yield template % {b"address": address.encode(), b"number": str(count).encode()}


def _template(account: Mapping[str, Any], address: str, indent: str) -> bytes:
    """The account's text with two places to fill in."""
    text = render(_blank(account, address), indent, _LIST + 1).replace(b"%", b"%%")
    return text.replace(_ADDRESS.encode(), b"%(address)b").replace(_NUMBER.encode(), b"%(number)b")


def _blank(value: Any, address: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _NUMBER if key == "account_number" else _blank(inner, address) for key, inner in value.items()}
    return _ADDRESS if value == address else value


def _balances(source: Source, balances: Span, grants: Grants, moved: Moved) -> Iterator[Change]:
    """Changes of the balances that are there, and last the new ones behind them."""
    there: set[str] = set()
    for run in source.runs(balances):
        if not any(balance["address"] in grants or balance["address"] in moved for balance in run.values):
            continue
        for span, balance in source.each(run):
            address = balance["address"]
            if address in grants or address in moved:
                there.add(address)
                coins = _plus(_plus(held(balance), grants.coins(address)), moved.get(address, {}))
                yield edit.replace(source, span, balance | {"coins": to_json(coins)}, _LIST + 1)
    yield edit.append(source, balances, _new_balances(there, grants, moved, source.indent), _LIST)


def _new_balances(there: set[str], grants: Grants, moved: Moved, indent: str) -> Iterator[bytes]:
    @lru_cache(maxsize=1024)
    def template(coins: str) -> bytes:
        balance = {"address": _ADDRESS, "coins": to_json(parse_coins(coins, "coins")) if coins else []}
        return render(balance, indent, _LIST + 1).replace(b"%", b"%%").replace(_ADDRESS.encode(), b"%b")

    for address, coins in grants:
        if address not in there and address not in moved:
            yield template(coins) % address.encode()
    for address, funds in moved.items():
        if address not in there:
            coins_of_both = to_json(_plus(grants.coins(address), funds))
            yield render({"address": address, "coins": coins_of_both}, indent, _LIST + 1)


def _plus(coins: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """The sum; what is nothing is left out, as the SDK demands."""
    total = {denom: coins.get(denom, 0) + more.get(denom, 0) for denom in [*coins, *more]}
    return {denom: amount for denom, amount in total.items() if amount}
