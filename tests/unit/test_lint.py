"""The linter: a genesis that is valid and will not run is refused, with the path and the cure."""

import copy
from typing import Any

import pytest

from exposer.errors import BadInputError
from exposer.genesis.lint import lint, refuse_unrunnable

SOUND: dict[str, Any] = {
    "chain_id": "c-1",
    "initial_height": 1,
    "consensus": {"params": {"block": {"max_gas": "-1"}}},
    "app_state": {
        "bank": {
            "balances": [{"address": "a", "coins": [{"denom": "stake", "amount": "3"}]}],
            "supply": [{"denom": "stake", "amount": "3"}],
        },
        "genutil": {"gen_txs": [{}]},
        "gov": {"params": {"voting_period": "60s", "expedited_voting_period": "30s"}},
        "staking": {"params": {"bond_denom": "stake"}, "validators": []},
    },
}


def changed(path: str, value: object) -> dict[str, Any]:
    """The sound genesis with one path changed."""
    document = copy.deepcopy(SOUND)
    *parents, last = path.split(".")
    inner = document
    for key in parents:
        inner = inner.setdefault(key, {})
    inner[last] = value
    return document


def test_a_sound_genesis_has_no_findings() -> None:
    """Nothing is said of a genesis that will run."""
    assert lint(SOUND) == []
    refuse_unrunnable(SOUND, "c-1")


@pytest.mark.parametrize(
    ("path", "value", "where", "problem"),
    [
        ("app_state.genutil.gen_txs", [], "app_state.genutil.gen_txs", "no validator"),
        ("app_state.gov.params.voting_period", "30s", "app_state.gov.params.expedited_voting_period", "not below"),
        ("app_state.gov.params.expedited_voting_period", "2m", "app_state.gov.params.expedited_voting_period", "2m"),
        (
            "app_state.bank.supply",
            [{"denom": "stake", "amount": "4"}],
            "app_state.bank.supply",
            "4stake stated, 3stake",
        ),
        ("app_state.bank.supply", [{"denom": "x", "amount": "3"}], "app_state.bank.supply", "0stake stated"),
        ("app_state.staking.params.bond_denom", "uatom", "app_state.staking.params.bond_denom", "nobody has any uatom"),
        ("consensus_params", {"block": {"max_gas": "1"}}, "consensus_params", "does not read it"),
    ],
)
def test_what_will_not_run_is_found(path: str, value: object, where: str, problem: str) -> None:
    """Each known reason is found at its path, and refused as bad input."""
    findings = lint(changed(path, value))

    assert where in {finding.path for finding in findings}
    with pytest.raises(BadInputError, match=problem):
        refuse_unrunnable(changed(path, value), "c-1")


def test_a_genesis_of_another_chain_is_refused() -> None:
    """A patch must not turn the genesis into one that every joining pod would refuse."""
    with pytest.raises(BadInputError, match="chain_id: 'c-1' is not 'c-2'"):
        refuse_unrunnable(SOUND, "c-2")


def test_the_layout_of_sdk_047_wants_the_old_place() -> None:
    """Where the height is a string the SDK reads ``consensus_params``, and the new place is the one without effect."""
    old = {**SOUND, "initial_height": "1", "consensus_params": {"block": {}}}

    assert [finding.path for finding in lint(old)] == ["consensus.params"]


@pytest.mark.parametrize("holder", [{"validators": [{}]}, {"consensus": {"validators": [{}]}}])
def test_validators_may_stand_in_the_document_itself(holder: dict[str, Any]) -> None:
    """A chain without an SDK names its validators beside the application state."""
    assert lint({"chain_id": "c", **holder}) == []
