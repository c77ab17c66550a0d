"""What makes a genesis valid for its binary and still unable to run; the binaries' own validation passes most of it.

A genesis of any size is judged in flat memory, but for about 70 bytes an account by which duplicates are found.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import Any

from exposer.duration import parse_duration
from exposer.errors import BadInputError
from exposer.genesis.accounts import base_account
from exposer.genesis.finding import Finding
from exposer.genesis.gentxs import gentxs
from exposer.genesis.source import FORMS, Source
from exposer.genesis.validators import is_consumer, validators

_BANK = ("app_state", "bank")
_GOV = ("app_state", "gov")
Check = Callable[[Source], Iterator[Finding]]


def lint(path: Path, chain_id: str = "") -> list[Finding]:
    """All reasons why the genesis (GenesisDoc or AppGenesis) in a file would not run.

    Args:
        path: of the file.
        chain_id: the chain that it has to be of, where one is given.

    Raises:
        BadInputError: it is not JSON, or cannot be read.
    """
    with Source(path) as source:
        if source.kind(source.root) != "{":
            raise BadInputError(f"genesis: {path}: not a JSON object")
        return [*_chain_id(source, chain_id), *(finding for check in _CHECKS for finding in _judged(check, source))]


def refuse_unrunnable(path: Path, chain_id: str) -> None:
    """Raises `BadInputError` with every finding; a genesis of another chain than ``chain_id`` is one."""
    if findings := lint(path, chain_id):
        raise BadInputError("this genesis will not run: " + "; ".join(map(str, findings)))


def _judged(check: Check, source: Source) -> list[Finding]:
    try:
        return list(check(source))
    except FORMS as error:
        what = check.__name__.strip("_")
        problem = f"the check of {what} cannot read this genesis ({type(error).__name__}: {error})"
        return [Finding("app_state", problem, "compare it with a genesis that the chain's own binary wrote")]


def _chain_id(source: Source, expected: str) -> Iterator[Finding]:
    found = source.get("chain_id")
    if not isinstance(found, str) or not 0 < len(found) <= 50:  # noqa: PLR2004 - MaxChainIDLen of CometBFT
        yield Finding("chain_id", "not 1 to 50 characters", "name the chain")
    elif expected and found != expected:
        yield Finding("chain_id", f"{found!r} is not {expected!r}", "set CHAIN_ID to it")


def _voting(source: Source) -> Iterator[Finding]:
    """``x/gov/types/v1/params.go`` of SDK 0.50, and ``tally_params`` of those before 0.47."""
    params = source.get(*_GOV, "params")
    if isinstance(params, Mapping):
        yield from _above(params, "voting_period", "expedited_voting_period", _seconds)
        yield from _above(params, "expedited_threshold", "threshold", _decimal)
    for holder in ("params", "tally_params"):
        values = source.get(*_GOV, holder)
        for name in ("threshold", "veto_threshold", "veto"):
            if isinstance(values, Mapping) and _decimal(values.get(name)) == 0:
                yield Finding(".".join((*_GOV, holder, name)), "a threshold of 0", "set it above 0")


def _above(
    params: Mapping[str, Any], high: str, low: str, read: Callable[[object], Decimal | float | None]
) -> Iterator[Finding]:
    above, below = read(params.get(high)), read(params.get(low))
    if above is not None and below is not None and above <= below:
        path = ".".join((*_GOV, "params", low))
        yield Finding(path, f"{params[low]} is not below {high}, {params[high]}", "set it lower in the same patch")


def _seconds(value: object) -> float | None:
    try:
        return parse_duration(value) if isinstance(value, str) else None
    except BadInputError:
        return None  # the binary's validation names a malformed duration


def _decimal(value: object) -> Decimal | None:
    try:
        return Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        return None


def _bank(source: Source) -> Iterator[Finding]:
    """Supply and balances are equal where a supply is stated; somebody has what validators bond."""
    balances = source.find(*_BANK, "balances")
    if balances is None:
        return
    held = _total(
        coin for run in source.runs(balances) for balance in run.values for coin in balance.get("coins") or []
    )
    stated = _total(source.get(*_BANK, "supply") or [])
    for denom in sorted({*stated, *held}) if stated else ():
        if stated.get(denom, 0) != held.get(denom, 0):
            problem = f"{stated.get(denom, 0)}{denom} stated, {held.get(denom, 0)}{denom} in the balances"
            yield Finding("app_state.bank.supply", problem, "make them equal, or leave the supply out")
    denom = source.get("app_state", "staking", "params", "bond_denom")
    if isinstance(denom, str) and not held.get(denom) and not is_consumer(source):
        cure = f"fund an account with {denom} (COINS), or set DENOM to a funded denomination"
        yield Finding("app_state.staking.params.bond_denom", f"nobody has any {denom}", cure)


def _total(coins: Iterable[Mapping[str, str]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for coin in coins:
        total[coin["denom"]] = total.get(coin["denom"], 0) + int(coin["amount"])
    return total


def _duplicates(source: Source) -> Iterator[Finding]:
    for path in (("auth", "accounts"), ("bank", "balances")):
        for address in _twice(source, *path):
            yield Finding(f"app_state.{'.'.join(path)}", f"{address} is there twice", "leave one of the two out")


def _twice(source: Source, *path: str) -> list[str]:
    """Addresses that are more than once in a list: first by their hashes, then, where two are equal, by themselves."""

    def addresses() -> Iterator[str]:
        for run in source.runs(source.find("app_state", *path)):
            yield from (str(base_account(account).get("address", "")) for account in run.values)

    hashes = array("q", map(hash, addresses()))
    ordered = sorted(hashes)
    suspects = {first for first, second in pairwise(ordered) if first == second}
    if not suspects:
        return []
    seen: dict[str, int] = {}
    for address in addresses():
        if address and hash(address) in suspects:
            seen[address] = seen.get(address, 0) + 1
    return [address for address, count in seen.items() if count > 1]


def _consensus(source: Source) -> Iterator[Finding]:
    """Parameters stand in ``consensus_params`` up to SDK 0.47, then in ``consensus.params``; the other is ignored.

    By the form of its initial height the SDK tells which of the two a genesis is (``AppGenesisFromReader``).
    """
    old, new = source.find("consensus_params"), source.find("consensus", "params")
    height = source.get("initial_height")
    if height is None or not (old or new):
        return
    read, ignored, there = "consensus.params", "consensus_params", old
    if isinstance(height, str):
        read, ignored, there = ignored, read, new
    if there and source.value(there):
        yield Finding(ignored, "this chain's SDK does not read it", f"write to {read}")


_CHECKS = (validators, _voting, _bank, _duplicates, _consensus, gentxs)
