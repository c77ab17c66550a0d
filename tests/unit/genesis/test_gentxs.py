"""Who makes the blocks, in every layout; and whether the gentxs of a genesis can succeed."""

import base64
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

from exposer.accounts.address import decode_address, encode_address
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

    assert [line.partition(";")[0] for line in told if "no validator" in line] == [
        f"{path}: no validator with voting power"
    ]


@pytest.mark.parametrize("place", ["validators", "consensus.validators"])
def test_every_validator_of_the_document_has_power(tmp_path: Path, place: str) -> None:
    """CometBFT refuses a document that names one without (``types/genesis.go``), beside others too."""
    listed = [{"power": power} for power in ("10", "0", "-1", None)]
    document = {"validators": listed} if place == "validators" else {"consensus": {"validators": listed}}
    told = problems(tmp_path, {"chain_id": "c-1", **document})

    cure = "a validator without voting power; give it a power above 0, or leave it out"
    assert told == [f"{place}.{number}: {cure}" for number in (1, 2, 3)]


def of(**changed: Any) -> Callable[[], dict[str, Any]]:
    """A genesis whose one gentx has another value in its message."""
    return lambda: modern(gentx(create_validator(**changed)))


def without(name: str) -> Callable[[], dict[str, Any]]:
    """A genesis whose one gentx has no such field in its message."""
    return lambda: modern(gentx({key: value for key, value in create_validator().items() if key != name}))


def bare(*messages: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """A genesis whose one gentx has these messages."""
    return lambda: modern({**gentx({}), "body": {"messages": list(messages)}})


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
ED25519 = "/cosmos.crypto.ed25519.PubKey"
COSMOS = "/cosmos.crypto.secp256k1.PubKey"
IRIS = encode_address("iva", decode_address(operator())[1])
"""An operator whose prefix does not tell the account's."""
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
    "rate is no number": (
        rates("much", "0.2", "0.1"),
        "gen_txs.0: its commission.rate, 'much', is not a decimal with at",
    ),
    "rate with an exponent": (
        rates("1e-1", "0.2", "0.1"),
        "its commission.rate, '1e-1', is not a decimal with at most",
    ),
    "rate with 18 places": (rates("0.1", f"0.{'1' * 18}", "0.1"), ""),
    "rate with 19 places": (rates("0.1", f"0.{'1' * 19}", "0.1"), f"its commission.max_rate, '0.{'1' * 19}', is not a"),
    "rate without quotes": (
        of(commission={"rate": 0, "max_rate": "0.2", "max_change_rate": "0.1"}),
        "its commission.rate, 0, is not a decimal with at most 18 places in quotes; write it like",
    ),
    "no rate": (of(commission={"max_rate": "0.2"}), "its commission.rate, None, is not a decimal"),
    "no commission": (without("commission"), "app_state.genutil.gen_txs.0: it has no commission; make it again"),
    "all of it": (rates("1.000000000000000000", "1", "1"), ""),
    "least stake": (of(min_self_delegation=str(STAKE)), ""),
    "less than its own minimum": (
        of(min_self_delegation=str(STAKE + 1)),
        "its min_self_delegation, 5000001, is not from",
    ),
    "no least stake": (without("min_self_delegation"), "it has no min_self_delegation; set it to 1"),
    "an empty least stake": (
        of(min_self_delegation=""),
        "its min_self_delegation, '', is not a whole number in quotes; write min_self_delegation like \"1\"",
    ),
    "a stake without quotes": (of(value={"denom": "stake", "amount": STAKE}), f"its amount, {STAKE}, is not a whole"),
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
    "a key without its bytes": (
        of(pubkey={"@type": ED25519}),
        "it has no consensus key; make it again with the node's",
    ),
    "a key of 3 bytes": (
        of(pubkey={"@type": ED25519, "key": "AAAA"}),
        "its consensus key AAAA is not 32 bytes in base64",
    ),
    "a key that is not base64": (of(pubkey={"@type": ED25519, "key": "?"}), "key ? is not 32 bytes in base64"),
    "a key of another type": (
        of(pubkey={"@type": COSMOS, "key": base64.b64encode(bytes(33)).decode()}),
        "its consensus key is of type secp256k1, and the chain allows only ed25519; add secp256k1 to pub_key_types",
    ),
    "no message": (bare(), "gen_txs.0: it makes no validator: it has no message; make it again with the chain's gentx"),
    "another message": (
        bare({"@type": "/cosmos.bank.v1beta1.MsgSend"}),
        "it makes no validator: its messages are /cosmos.bank.v1beta1.MsgSend",
    ),
    "a message of the chain's own beside it": (bare(create_validator(), {"@type": "/gravity.v1.MsgDelegateKeys"}), ""),
    "no gentx": (lambda: modern("gentx"), "gen_txs.0: it cannot be read as a gentx (AttributeError: "),
    "its own account": (of(delegator_address=account()), ""),
    "another account": (
        of(delegator_address=account(2)),
        f"its delegator_address, {account(2)}, is not the account of its operator, {operator()}; leave",
    ),
    "an account that is not the operator's pays": (
        lambda: modern(gentx(create_validator(2, validator_address=operator(3), delegator_address=account()))),
        f"gen_txs.0: {account(3)} has no account in app_state.auth.accounts",
    ),
    "an account that is mistyped": (
        of(delegator_address=account()[:-1] + "q"),
        "q, is not the account of its operator",
    ),
    "an operator that is mistyped": (
        of(validator_address=operator()[:-1] + "q"),
        f"gen_txs.0: its validator_address, '{operator()[:-1]}q', is not a bech32 address; copy it again, whole",
    ),
    "an operator that is mistyped beside its account": (
        of(validator_address=operator()[:-1] + "q", delegator_address=account()),
        "q', is not a bech32 address",
    ),
    "an operator of Iris": (of(validator_address=IRIS), ""),
    "an operator of Iris and its account": (of(validator_address=IRIS, delegator_address=account()), ""),
    "an operator of Iris and another account": (
        of(validator_address=IRIS, delegator_address=account(2)),
        f"its delegator_address, {account(2)}, is not the account of its operator, {IRIS}",
    ),
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
            gentx(create_validator()),
            gentx(create_validator(pubkey={"@type": "/a.ed25519.B", "key": base64.b64encode(bytes(32)).decode()})),
        ),
        f"{operator()} is another validator's operator too",
    ),
    "a key twice": (
        lambda: modern(gentx(create_validator()), gentx(create_validator(2, pubkey=create_validator()["pubkey"]))),
        "is another validator's too; give each node its own key",
    ),
    "a key that stands": (
        lambda: modern(
            gentx(create_validator()),
            validators=[{"operator_address": operator(2), "consensus_pubkey": create_validator()["pubkey"]}],
        ),
        f"its consensus key {create_validator()['pubkey']['key']} is another validator's too",
    ),
    "an operator that stands": (
        lambda: modern(gentx(create_validator()), validators=[{"operator_address": operator(), "status": 3}]),
        f"{operator()} is another validator's operator too",
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


def test_a_gentx_that_cannot_be_read_hides_no_other_finding(tmp_path: Path) -> None:
    """The finding has the path of its gentx, and all other checks go on; in an old layout it is left out."""
    wrong = create_validator(validator_address=operator()[:-1] + "q")
    document = modern(gentx(wrong), gentx(create_validator(2, min_self_delegation="0")))
    document["app_state"]["gov"] = {"params": {"threshold": "0"}}
    told = problems(tmp_path, document)

    assert [line.partition(":")[0] for line in told] == [
        "app_state.gov.params.threshold",
        "app_state.genutil.gen_txs.0",
        "app_state.genutil.gen_txs.1",
    ]
    assert problems(tmp_path, hub_1(amino_gentx(wrong))) == []


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
    key = "its consensus key is of type ed25519, and the chain allows only secp256k1"
    assert judged == [[], [gas], [key], []]
