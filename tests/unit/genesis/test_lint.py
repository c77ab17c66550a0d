"""The linter: a genesis that is valid and will not run is refused, with the path and the cure."""

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from json_documents import write

from exposer.cli import main
from exposer.errors import BadInputError
from exposer.genesis.finding import Finding
from exposer.genesis.lint import lint, refuse_unrunnable

SOUND: dict[str, Any] = {
    "chain_id": "c-1",
    "initial_height": 1,
    "consensus": {"params": {"block": {"max_gas": "-1"}}},
    "app_state": {
        "auth": {"accounts": [{"@type": "x", "base_account": {"address": "a"}}]},
        "bank": {
            "balances": [{"address": "a", "coins": [{"denom": "stake", "amount": "3"}]}],
            "supply": [{"denom": "stake", "amount": "3"}],
        },
        "genutil": {"gen_txs": [{"body": {"messages": [{"@type": "/own.MsgCreateValidator"}]}}]},
        "gov": {
            "params": {
                "voting_period": "60s",
                "expedited_voting_period": "30s",
                "threshold": "0.5",
                "expedited_threshold": "0.667",
            }
        },
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


def found(tmp_path: Path, document: object, chain_id: str = "") -> list[Finding]:
    """What the linter says of a document in a file."""
    return lint(write(tmp_path / "genesis.json", document), chain_id)


def test_a_sound_genesis_has_no_findings(tmp_path: Path) -> None:
    """Nothing is said of a genesis that will run."""
    assert found(tmp_path, SOUND, "c-1") == []


TWICE = [{"address": address, "coins": [{"denom": "stake", "amount": "1"}]} for address in "aba"]


@pytest.mark.parametrize(
    ("path", "value", "where", "problem"),
    [
        ("app_state.genutil.gen_txs", [], "app_state.genutil.gen_txs", "no validator"),
        ("app_state.gov.params.voting_period", "30s", "app_state.gov.params.expedited_voting_period", "not below"),
        ("app_state.gov.params.expedited_voting_period", "2m", "app_state.gov.params.expedited_voting_period", "2m"),
        ("app_state.gov.params.threshold", "0.8", "app_state.gov.params.threshold", "0.8 is not below"),
        ("app_state.gov.params.threshold", "0.000", "app_state.gov.params.threshold", "threshold of 0"),
        ("app_state.gov.tally_params", {"veto_threshold": "0"}, "app_state.gov.tally_params.veto_threshold", "of 0"),
        (
            "app_state.bank.supply",
            [{"denom": "stake", "amount": "4"}],
            "app_state.bank.supply",
            "4stake stated, 3stake",
        ),
        ("app_state.bank.supply", [{"denom": "x", "amount": "3"}], "app_state.bank.supply", "0stake stated"),
        ("app_state.bank.balances", TWICE, "app_state.bank.balances", "a is there twice"),
        ("app_state.auth.accounts", [{"address": "é"}] * 2, "app_state.auth.accounts", "é is there twice"),
        ("app_state.staking.params.bond_denom", "uatom", "app_state.staking.params.bond_denom", "nobody has any uatom"),
        ("consensus_params", {"block": {"max_gas": "1"}}, "consensus_params", "does not read it"),
        ("app_state.bank.balances", [{"address": "a"}], "app_state.bank.supply", "3stake stated, 0stake"),
        ("app_state.bank.balances", [{"coins": 5}], "app_state", "check of bank cannot read this genesis \\(TypeError"),
        ("chain_id", "c" * 51, "chain_id", "not 1 to 50 characters"),
    ],
)
def test_what_will_not_run_is_found(tmp_path: Path, path: str, value: object, where: str, problem: str) -> None:
    """Each known reason is found at its path, and refused as bad input."""
    file = write(tmp_path / "genesis.json", changed(path, value))

    assert where in {finding.path for finding in lint(file)}
    with pytest.raises(BadInputError, match=problem):
        refuse_unrunnable(file, "c-1")


def test_accounts_without_an_address_and_balances_without_coins_are_no_finding(tmp_path: Path) -> None:
    """Two accounts that have none are no duplicates, and coins may be null or left out where there are none."""
    document = changed("app_state.auth.accounts", [{}, {}])
    document["app_state"]["bank"]["balances"] += [{"address": "b", "coins": None}, {"address": "c"}]

    assert found(tmp_path, document) == []


def test_a_genesis_of_another_chain_is_refused(tmp_path: Path) -> None:
    """A patch must not turn the genesis into one that every joining pod would refuse."""
    with pytest.raises(BadInputError, match="chain_id: 'c-1' is not 'c-2'"):
        refuse_unrunnable(write(tmp_path / "genesis.json", SOUND), "c-2")


def test_the_layout_of_sdk_047_wants_the_old_place(tmp_path: Path) -> None:
    """Where the height is a string the SDK reads ``consensus_params``, and the new place is the one without effect."""
    old = {**SOUND, "initial_height": "1", "consensus_params": {"block": {}}}

    assert [finding.path for finding in found(tmp_path, old)] == ["consensus.params"]


def test_the_main_networks_genesis_is_sound(shared_genesis: Path) -> None:
    """A genesis of 2019 that ran, of an SDK with other modules, has no findings."""
    assert lint(shared_genesis, "cosmoshub-2") == []


def test_the_command_tells_findings_and_exits_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line each, or JSON; 0 for a sound genesis, 3 for another and for what is no JSON, 2 for no file named."""
    sound = str(write(tmp_path / "sound.json", SOUND))
    bad = str(write(tmp_path / "bad.json", changed("app_state.genutil.gen_txs", [])))
    (tmp_path / "torn.json").write_text('{"chain_id": "c')

    assert main(["lint", "genesis", sound]) == 0
    assert capsys.readouterr().out == ""
    assert main(["lint", "genesis", bad]) == 3
    assert capsys.readouterr().out.startswith("app_state.genutil.gen_txs: no validator with voting power; collect")
    assert main(["lint", "genesis", "--json", bad]) == 3
    assert [finding["path"] for finding in json.loads(capsys.readouterr().out)["findings"]] == [
        "app_state.genutil.gen_txs"
    ]
    assert main(["lint", "genesis", str(tmp_path / "torn.json")]) == 3
    assert "cut off: it ends at byte 15" in capsys.readouterr().err
    assert main(["lint", "genesis", str(tmp_path / "none.json")]) == 3
    half = tmp_path / "half.json"
    half.write_text('{"chain_id": "\\ud800"}')
    assert main(["lint", "genesis", str(half)]) == 3
    os.mkfifo(tmp_path / "pipe")
    assert main(["lint", "genesis", str(tmp_path / "pipe")]) == 3
    assert "is no regular file" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["lint", "genesis"])
