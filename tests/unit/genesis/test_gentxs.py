"""Who makes the blocks, in every layout; and whether the gentxs of a genesis can succeed."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from genesis_layouts import (
    RUNS,
    STAKE,
    STANDS,
    account,
    amino_gentx,
    coins,
    create_validator,
    exported,
    gentx,
    genutil_gentxs,
    hub_1,
    modern,
    operator,
)
from json_documents import write

from exposer.errors import BadInputError
from exposer.genesis.exported import set_validators_aside
from exposer.genesis.lint import lint
from exposer.genesis.source import Source

ATTO = 10**18
ETHEREUM = "/ethermint.crypto.v1.ethsecp256k1.PubKey"


def problems(tmp_path: Path, document: object) -> list[str]:
    """What the linter says of a document."""
    return list(map(str, lint(write(tmp_path / "genesis.json", document))))


@pytest.mark.parametrize("layout", RUNS)
def test_a_genesis_that_runs_has_no_findings(tmp_path: Path, layout: str) -> None:
    """Each layout that chains have run from is accepted."""
    assert problems(tmp_path, RUNS[layout]()) == []


@pytest.mark.parametrize("layout", STANDS)
def test_a_genesis_without_a_validator_is_refused(tmp_path: Path, layout: str) -> None:
    """Where nobody makes blocks the finding names the place for validators in this layout."""
    document, path = STANDS[layout]
    told = problems(tmp_path, document())

    assert [line.partition(";")[0] for line in told if "no validator" in line] == [f"{path}: no validator anywhere"]


def of(**changed: Any) -> Callable[[], dict[str, Any]]:
    """A genesis whose one gentx has another value in its message."""
    return lambda: modern(gentx(create_validator(**changed)))


def rates(rate: str, most: str, change: str) -> Callable[[], dict[str, Any]]:
    """A genesis whose one validator has this commission."""
    return of(commission={"rate": rate, "max_rate": most, "max_change_rate": change})


def stake(amount: int, denom: str, signer: str, **params: str) -> Callable[[], dict[str, Any]]:
    """A genesis whose one validator bonds so much, and has it."""

    def made() -> dict[str, Any]:
        document = modern(gentx(create_validator(value=coins(amount, denom)[0]), signer=signer))
        document["app_state"]["bank"]["balances"][0]["coins"] = coins(amount, denom)
        document["app_state"]["staking"]["params"] = {"bond_denom": denom, **params}
        return document

    return made


def described(**description: str) -> Callable[[], dict[str, Any]]:
    """A genesis whose one validator describes itself so."""
    return of(description={"identity": "", "website": "", "security_contact": "", "details": "", **description})


NEW = {"min_commission_rate": "0"}
COSMOS = "/cosmos.crypto.secp256k1.PubKey"
CASES: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "rate = minimum": (rates("0.05", "0.05", "0.05"), ""),
    "rate below minimum": (
        rates("0.049", "0.2", "0.01"),
        "rate, 0.049, is below the chain's min_commission_rate, 0.05",
    ),
    "rate above max": (rates("0.21", "0.2", "0.01"), "the commission's rate, 0.21, is not from 0 to its max rate, 0.2"),
    "max rate above 1": (rates("0.1", "1.1", "0.01"), "the commission's max rate, 1.1, is not from 0 to 1"),
    "change above max": (rates("0.1", "0.2", "0.3"), "the commission's max change rate, 0.3, is not from 0 to its"),
    "negative change": (rates("0.1", "0.2", "-0.01"), "the commission's max change rate, -0.01, is not"),
    "rate is no number": (rates("much", "0.2", "0.1"), "is a form that no SDK chain's genesis has"),
    "all of it": (rates("1.000000000000000000", "1", "1"), ""),
    "least stake": (of(min_self_delegation=str(STAKE)), ""),
    "less than its own minimum": (
        of(min_self_delegation=str(STAKE + 1)),
        "its min_self_delegation, 5000001, is not from",
    ),
    "no minimum": (of(min_self_delegation="0"), "its min_self_delegation, 0, is not from 1"),
    "one unit": (stake(10**6, "stake", COSMOS), ""),
    "below one unit": (
        stake(10**6 - 1, "stake", COSMOS),
        "bonds 999999stake, which is no voting power: one unit is 1000000",
    ),
    "one unit, EVM": (stake(ATTO, "aevmos", ETHEREUM, **NEW), ""),
    "below one unit, EVM": (stake(ATTO - 1, "aevmos", ETHEREUM, **NEW), f"no voting power: one unit is {ATTO}aevmos"),
    "EVM before SDK 0.46": (stake(10**12, "aphoton", ETHEREUM), ""),
    "EVM, micro": (stake(10**6, "unibi", ETHEREUM, **NEW), ""),
    "no moniker": (described(moniker=""), "its description is empty; give the validator a moniker"),
    "no moniker, an identity": (described(moniker="", identity="73433C4B83FE8AA8"), ""),
    "longest moniker": (described(moniker="é" * 35), ""),
    "moniker too long": (described(moniker="é" * 36), "its moniker has 72 bytes, more than 70"),
    "website too long": (described(moniker="m", website="w" * 141), "its website has 141 bytes, more than 140"),
    "no key": (of(pubkey=None), "it has no consensus key"),
    "another denomination": (of(value=coins(STAKE, "uatom")[0]), "it bonds uatom, and bond_denom is stake"),
    "more than it has": (of(value=coins(2 * STAKE + 1)[0]), f"bonds {2 * STAKE + 1}stake, and has {2 * STAKE}stake"),
    "all that it has": (of(value=coins(2 * STAKE)[0]), ""),
    "nothing left for the fee": (
        lambda: modern(gentx(create_validator(value=coins(2 * STAKE)[0]), fee={"amount": coins(1)})),
        f"bonds and pays {2 * STAKE + 1}stake, and has {2 * STAKE}stake",
    ),
    "a fee that it has": (lambda: modern(gentx(create_validator(), fee={"amount": coins(STAKE)})), ""),
    "an operator twice": (
        lambda: modern(
            gentx(create_validator()), gentx(create_validator(pubkey={"@type": "/a.ed25519.B", "key": "k"}))
        ),
        f"{operator()} is another validator's operator too",
    ),
    "a key twice": (
        lambda: modern(gentx(create_validator()), gentx(create_validator(2, pubkey=create_validator()["pubkey"]))),
        "is another validator's too; give each node its own key",
    ),
    "an operator that stands": (
        lambda: modern(gentx(create_validator()), validators=[{"operator_address": operator(), "status": 3}]),
        f"{operator()} is another validator's operator too",
    ),
    "a key that stands": (
        lambda: modern(
            gentx(create_validator()),
            validators=[
                {**exported(3)["app_state"]["staking"]["validators"][0], "operator_address": operator(2)}
                | {"consensus_pubkey": create_validator()["pubkey"]}
            ],
        ),
        "is another validator's too; give each node its own key",
    ),
    "another account bonds": (
        of(delegator_address=account(2)),
        f"its delegator_address, {account(2)}, is not {account()}, the operator's account",
    ),
    "the operator's account, stated": (of(delegator_address=account()), ""),
    "nobody's address": (of(validator_address=operator()[:-1] + "x"), "is no operator's address; copy it again"),
    "no commission": (of(commission=None), "it has no commission"),
    "no minimum at all": (
        lambda: modern(gentx({k: v for k, v in create_validator().items() if k != "min_self_delegation"})),
        "it has no min_self_delegation",
    ),
    "the Hub's staking": (
        lambda: modern(
            gentx(create_validator(min_self_delegation="0")),
            params={"bond_denom": "stake", "validator_bond_factor": "-1"},
        ),
        "",
    ),
    "genutil.gentxs above max": (
        lambda: genutil_gentxs(
            amino_gentx(rates("0.3", "0.2", "0.1")()["app_state"]["genutil"]["gen_txs"][0]["body"]["messages"][0])
        ),
        "app_state.genutil.gentxs.0: the commission's rate, 0.3",
    ),
    "gentxs unfunded": (
        lambda: hub_1(amino_gentx(create_validator(value=coins(3 * STAKE)[0]))),
        f"app_state.gentxs.0: {account()} bonds {3 * STAKE}stake, and has {2 * STAKE}stake",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_gentx_that_cannot_succeed_is_found(tmp_path: Path, case: str) -> None:
    """The chain does not start, or the validator takes no part, where a gentx breaks a rule of its message."""
    document, problem = CASES[case]
    told = problems(tmp_path, document())

    assert bool(told) is bool(problem), told
    assert problem in "".join(told)


@pytest.mark.parametrize(
    ("status", "key", "expected"),
    [("BOND_STATUS_BONDED", None, "BOND_STATUS_UNBONDED"), (3, None, 1), (2, "cosmosvalconspub1", 0)],
)
def test_validators_are_set_aside_in_the_words_of_their_state(
    tmp_path: Path, status: object, key: object, expected: object
) -> None:
    """A state in numbers gets a number, and what its bonded validators had bonded moves."""
    path = write(tmp_path / "genesis.json", exported(status, key))
    with Source(path) as source, (tmp_path / "aside.json").open("w+b") as stream:
        aside = set_validators_aside(source, "cosmos")
        source.rewrite(stream, aside.changes)
        stream.seek(0)
        (validator,) = json.load(stream)["app_state"]["staking"]["validators"]

    assert (validator["status"], validator["jailed"]) == (expected, True)
    assert sorted(funds["stake"] for funds in aside.moved.values()) == [-STAKE, STAKE]


def test_a_consumer_chain_is_no_base_for_gentxs(tmp_path: Path) -> None:
    """Beside a provider's validators a gentx makes none, so a chain that started so would stand still."""
    path = write(tmp_path / "genesis.json", RUNS["consumer"]())
    with Source(path) as source, pytest.raises(BadInputError, match=r"those of a provider chain.*with a script"):
        set_validators_aside(source, "cosmos")


def test_a_gentx_is_judged_by_the_parameters_of_consensus(tmp_path: Path) -> None:
    """Its gas is below the block's, and its key of a type that consensus takes."""
    document = modern(gentx(create_validator()))
    judged = []
    for block, types in (("200000", ["ed25519"]), ("199999", ["ed25519"]), ("-1", ["secp256k1"]), ("-1", None)):
        changed = copy.deepcopy(document)
        changed["consensus"]["params"] = {"block": {"max_gas": block}, "validator": {"pub_key_types": types}}
        judged.append([line.partition(": ")[2].partition(";")[0] for line in problems(tmp_path, changed)])

    gas = "its gas, 200000, is above the block's max_gas, 199999"
    assert judged == [[], [gas], ["its key is ed25519, and pub_key_types does not have that"], []]
