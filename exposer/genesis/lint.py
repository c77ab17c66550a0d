"""What makes a genesis valid for its binary and still unable to run; the binaries' own validation passes all of it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from exposer.accounts import coins as coin
from exposer.duration import parse_duration
from exposer.errors import BadInputError, ExposerError


class Finding(NamedTuple):
    """One reason why a genesis will not run: the path in the document, the problem, and the cure."""

    path: str
    problem: str
    cure: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}; {self.cure}"


def lint(genesis: Mapping[str, Any]) -> list[Finding]:
    """All reasons why this genesis (GenesisDoc or AppGenesis) would not run."""
    return [finding for check in (_validators, _voting, _supply, _bond_denom, _consensus) for finding in check(genesis)]


def refuse_unrunnable(genesis: Mapping[str, Any], chain_id: str) -> None:
    """Raises `BadInputError` with every finding; a genesis of another chain than ``chain_id`` is one."""
    findings = lint(genesis)
    if genesis.get("chain_id") != chain_id:
        findings.append(Finding("chain_id", f"{genesis.get('chain_id')!r} is not {chain_id!r}", "set CHAIN_ID to it"))
    if findings:
        raise BadInputError("this genesis will not run: " + "; ".join(map(str, findings)))


def _at(document: Any, *path: str) -> Any:
    for key in path:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document


def _validators(genesis: Mapping[str, Any]) -> Iterator[Finding]:
    if genesis.get("validators") or _at(genesis, "consensus", "validators"):
        return
    state = genesis.get("app_state")
    if not (_at(state, "genutil", "gen_txs") or _at(state, "staking", "validators")):
        yield Finding("app_state.genutil.gen_txs", "no validator anywhere", "collect at least one gentx")


def _voting(genesis: Mapping[str, Any]) -> Iterator[Finding]:
    params = _at(genesis, "app_state", "gov", "params")
    regular, expedited = _at(params, "voting_period"), _at(params, "expedited_voting_period")
    if not (isinstance(regular, str) and isinstance(expedited, str)):
        return
    try:
        in_order = parse_duration(regular) > parse_duration(expedited)
    except ExposerError:
        return  # the binary's validation names a malformed duration
    if not in_order:
        yield Finding(
            "app_state.gov.params.expedited_voting_period",
            f"{expedited} is not below the voting period {regular}",
            "set it lower in the same patch",
        )


def _supply(genesis: Mapping[str, Any]) -> Iterator[Finding]:
    bank = _at(genesis, "app_state", "bank")
    supply, balances = _at(bank, "supply"), _at(bank, "balances")
    if not supply or not isinstance(balances, list):
        return
    stated, summed = coin.total([supply]), coin.total(balance["coins"] for balance in balances)
    for denom in sorted({*stated, *summed}):
        if stated.get(denom, 0) != summed.get(denom, 0):
            problem = f"{stated.get(denom, 0)}{denom} stated, {summed.get(denom, 0)}{denom} in the balances"
            yield Finding("app_state.bank.supply", problem, "make them equal, or leave the supply out")


def _bond_denom(genesis: Mapping[str, Any]) -> Iterator[Finding]:
    denom = _at(genesis, "app_state", "staking", "params", "bond_denom")
    balances = _at(genesis, "app_state", "bank", "balances")
    if not isinstance(denom, str) or not isinstance(balances, list):
        return
    if not coin.total(balance["coins"] for balance in balances).get(denom):
        cure = f"fund an account with {denom} (COINS), or set DENOM to a funded denomination"
        yield Finding("app_state.staking.params.bond_denom", f"nobody has any {denom}", cure)


def _consensus(genesis: Mapping[str, Any]) -> Iterator[Finding]:
    """Parameters stand in ``consensus_params`` up to SDK 0.47, then in ``consensus.params``; the other is ignored."""
    old, new = genesis.get("consensus_params"), _at(genesis, "consensus", "params")
    if not (old and new):
        return
    read, ignored = ("consensus_params", "consensus.params")
    if re.fullmatch(r"\d+", str(genesis.get("initial_height"))) and isinstance(genesis["initial_height"], int):
        read, ignored = ignored, read
    yield Finding(ignored, "this chain's SDK does not read it", f"write to {read}")
