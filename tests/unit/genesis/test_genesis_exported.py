"""The state of a chain that ran: its validators step aside, everything else stays, and what is bonded is not lost."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from json_documents import write

from exposer.accounts.address import encode_address
from exposer.errors import BadInputError
from exposer.genesis.accounts import Shape
from exposer.genesis.addresses import AddressForm, module_address
from exposer.genesis.compose import Parts, compose
from exposer.genesis.exported import operators
from exposer.genesis.grants import Grants
from exposer.genesis.source import Source

OLD = encode_address("cosmosvaloper", bytes(20))
BONDED, NOT_BONDED = (module_address("cosmos", f"{name}_tokens_pool") for name in ("bonded", "not_bonded"))
SHAPE = Shape({"@type": "base", "address": "first", "account_number": "0"}, "first")


def validator(status: str, *, jailed: bool = False) -> dict[str, Any]:
    """A validator of the state, with 7 tokens."""
    return {"operator_address": OLD, "jailed": jailed, "status": f"BOND_STATUS_{status}", "tokens": "7"}


def balance(address: str, amount: int) -> dict[str, Any]:
    """What an address has."""
    return {"address": address, "coins": [{"denom": "stake", "amount": str(amount)}] if amount else []}


EXPORTED: dict[str, Any] = {
    "genesis_time": "2020-01-01T00:00:00Z",
    "chain_id": "old-1",
    "initial_height": 7,
    "app_state": {
        "auth": {"accounts": [{"@type": "base", "address": "x", "account_number": "3"}]},
        "bank": {
            "balances": [balance("x", 1), balance(BONDED, 14), balance(NOT_BONDED, 7)],
            "supply": [{"denom": "stake", "amount": "22"}],
        },
        "genutil": {"gen_txs": ["signed for the old chain"]},
        "ibc": {"connection_genesis": {"connections": [{"id": "connection-localhost"}, {"id": "connection-0"}]}},
        "staking": {
            "params": {"bond_denom": "stake"},
            "last_total_power": "14",
            "last_validator_powers": [{"address": OLD, "power": "7"}],
            "validators": [validator("BONDED"), validator("UNBONDING"), validator("BONDED", jailed=True)],
            "exported": True,
        },
    },
    "consensus": {"validators": [{"power": "7"}], "params": {"n": 1}},
}


def composed(tmp_path: Path, document: dict[str, Any]) -> Any:
    """The document, made the start of another chain; without an indent, as ``export`` writes it."""
    grants = Grants(AddressForm("cosmos"))
    grants.add(encode_address("cosmos", b"\x05" * 20), "9stake", "new")
    parts = Parts("new-1", "2026-01-01T00:00:00Z", "cosmos", grants, SHAPE, [{"body": 1}])
    with Source(write(tmp_path / "old.json", document, "")) as source:
        compose(source, tmp_path / "new.json", parts)
    data = (tmp_path / "new.json").read_bytes()
    assert b"\n" not in data
    return json.loads(data)


def test_the_old_validators_step_aside(tmp_path: Path) -> None:
    """Chain, time, gentxs and powers are new, all old validators jailed and unbonded; their tokens change the pool."""
    new = composed(tmp_path, EXPORTED)
    expected = copy.deepcopy(EXPORTED)
    state, staking = expected["app_state"], expected["app_state"]["staking"]
    expected |= {"genesis_time": "2026-01-01T00:00:00Z", "chain_id": "new-1"}
    expected["consensus"]["validators"] = []
    staking |= {"last_total_power": "0", "last_validator_powers": []}
    staking["validators"] = [validator("UNBONDED", jailed=True)] * 3
    state["genutil"]["gen_txs"] = [{"body": 1}]
    state["ibc"]["connection_genesis"]["connections"] = [{"id": "connection-0"}]
    fresh = encode_address("cosmos", b"\x05" * 20)
    state["auth"]["accounts"].append({"@type": "base", "address": fresh, "account_number": "4"})
    state["bank"] = {
        "balances": [balance("x", 1), balance(BONDED, 0), balance(NOT_BONDED, 21), balance(fresh, 9)],
        "supply": [{"denom": "stake", "amount": "31"}],
    }

    assert new == expected


@pytest.mark.parametrize("others", [[], ["connection-1"], ["connection-1", "connection-2"]])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_ibcs_connection_with_itself_goes(tmp_path: Path, others: list[str], place: int) -> None:
    """Wherever it stands among others, the list stays a list."""
    document = copy.deepcopy(EXPORTED)
    ids = [*others[:place], "connection-localhost", *others[place:]]
    document["app_state"]["ibc"]["connection_genesis"]["connections"] = [{"id": name} for name in ids]
    new = composed(tmp_path, document)["app_state"]["ibc"]["connection_genesis"]["connections"]

    assert [connection["id"] for connection in new] == others


def test_the_bonded_pool_of_real_chains() -> None:
    """Module addresses are those that every Cosmos chain has (as explorers show them)."""
    assert BONDED == "cosmos1fl48vsnmsdzcv85q5d2q4z5ajdha8yu34mf0eh"
    assert NOT_BONDED == "cosmos1tygms3xhhs3yv487phx3dw4a95jn7t7lpm470r"


def test_operators_are_known_by_their_accounts(tmp_path: Path) -> None:
    """An operator's address has another prefix, and the same bytes as its account's."""
    with Source(write(tmp_path / "g.json", EXPORTED)) as source:
        assert operators(source) == {bytes(20)}


@pytest.mark.parametrize("path", ["chain_id", "genesis_time", "app_state.genutil"])
def test_what_is_no_genesis_is_refused(tmp_path: Path, path: str) -> None:
    """The field that is missing is named."""
    document = copy.deepcopy(EXPORTED)
    *parents, last = path.split(".")
    inner = document
    for name in parents:
        inner = inner[name]
    del inner[last]
    with pytest.raises(BadInputError, match=f"genesis: it has no {path}"):
        composed(tmp_path, document)


def test_a_validator_of_a_form_not_known_is_refused(tmp_path: Path) -> None:
    """Where a validator cannot be set aside the chain would wait for it for ever."""
    document = copy.deepcopy(EXPORTED)
    del document["app_state"]["staking"]["validators"][1]["status"]
    with pytest.raises(BadInputError, match="no status, jailed, tokens"):
        composed(tmp_path, document)
