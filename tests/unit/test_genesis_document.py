"""The genesis document: digits kept, patches that cannot miss, accounts in the shape that the binary made."""

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exposer.accounts.address import encode_address
from exposer.errors import BadInputError, MismatchError
from exposer.genesis.document import add_accounts, load, merge_patch, render

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=6)
documents = st.dictionaries(
    st.text(min_size=1, max_size=3),
    st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_size=4,
)


@given(document=documents)
def test_a_document_survives_being_written_and_read(document: dict[str, Any]) -> None:
    """What is written is JSON with the same content and the same order of keys."""
    text = render(document)

    assert json.loads(text) == document
    assert list(json.loads(text)) == list(document)


@pytest.mark.parametrize("number", ["1.10", "0.000000000000000001", "123456789012345678901234567890", "-0.50", "1e400"])
def test_numbers_keep_their_value_exactly(tmp_path: Path, number: str) -> None:
    """No number goes through a float."""
    path = tmp_path / "genesis.json"
    path.write_text(f'{{"n": {number}}}')

    assert Decimal(render(load(path)).decode().split(":")[1].strip(" \n}")) == Decimal(number)


def test_the_text_is_that_of_gos_encoder() -> None:
    """Two spaces, escaped angle brackets, empty containers on one line, no newline at the end."""
    assert render({"app_name": "<appd>", "a": [], "b": {}, "ö": "&"}) == (
        '{\n  "app_name": "\\u003cappd\\u003e",\n  "a": [],\n  "b": {},\n  "ö": "\\u0026"\n}'.encode()
    )


def test_the_real_genesis_keeps_its_content(shared_genesis: Path) -> None:
    """A main network's genesis of 2019 is the same after being read and written."""
    assert json.loads(render(load(shared_genesis))) == json.loads(shared_genesis.read_bytes())


@pytest.mark.parametrize("text", ["", "{", "[1,]", "nope"])
def test_what_is_not_json_is_refused_with_its_place(tmp_path: Path, text: str) -> None:
    """A broken file is named with line and column."""
    path = tmp_path / "patch.json"
    path.write_text(text)

    with pytest.raises(BadInputError, match=r"GENESIS_PATCH: not JSON at line 1, column \d"):
        load(path, "GENESIS_PATCH")


def test_a_patch_is_merged_deeply() -> None:
    """Objects are merged key by key; lists and values are replaced; all else stays."""
    document = {"a": {"b": {"c": 1, "d": 2}, "e": [1, 2]}, "f": "x"}
    merge_patch(document, {"a": {"b": {"c": 9}, "e": [3]}})

    assert document == {"a": {"b": {"c": 9, "d": 2}, "e": [3]}, "f": "x"}


def test_a_patch_of_an_unknown_path_is_refused_with_the_nearest_name() -> None:
    """A misspelt parameter would pass silently and have no effect; it is an error that names path and cure."""
    with pytest.raises(BadInputError, match=r"app_state\.gov\.params\.voting_perod; did you mean 'voting_period'"):
        merge_patch(
            {"app_state": {"gov": {"params": {"voting_period": "1s"}}}},
            {"app_state": {"gov": {"params": {"voting_perod": "2s"}}}},
        )


@given(document=documents, data=st.data())
def test_a_patch_changes_only_what_it_names(document: dict[str, Any], data: st.DataObject) -> None:
    """After a patch of one top-level key every other key is what it was, in the same order."""
    if not document:
        return
    key = data.draw(st.sampled_from(sorted(document)))
    before = copy.deepcopy(document)
    merge_patch(document, {key: "patched"})

    assert document == {**before, key: "patched"}
    assert list(document) == list(before)


def sdk_genesis(account: dict[str, Any], address: str) -> dict[str, Any]:
    """The parts of an SDK genesis that accounts live in, with the one account that a binary added."""
    coins = [{"denom": "stake", "amount": "5"}]
    bank = {"balances": [{"address": address, "coins": coins}], "supply": coins}
    return {"app_state": {"auth": {"accounts": [account]}, "bank": bank}}


FIRST = encode_address("cosmos", bytes(20))


@pytest.mark.parametrize(
    "account",
    [
        {"@type": "/cosmos.auth.v1beta1.BaseAccount", "address": FIRST, "account_number": "0", "sequence": "0"},
        {
            "@type": "/ethermint.types.v1.EthAccount",
            "base_account": {"address": FIRST, "account_number": "0", "sequence": "0"},
            "code_hash": "0xc5d2",
        },
    ],
)
def test_accounts_take_the_shape_that_the_binary_made(account: dict[str, Any]) -> None:
    """Every added account is the binary's own, with another address and the next number."""
    genesis = sdk_genesis(account, FIRST)
    second = encode_address("cosmos", b"\x01" * 20)
    add_accounts(genesis, {second: {"stake": 7}})

    added = genesis["app_state"]["auth"]["accounts"][1]
    inner = added.get("base_account", added)
    assert (inner["address"], inner["account_number"]) == (second, "1")
    assert added.keys() == account.keys()


@given(amounts=st.dictionaries(st.binary(min_size=20, max_size=20), st.integers(1, 10**30), max_size=30))
def test_supply_is_the_sum_of_the_balances_and_balances_are_sorted(amounts: dict[bytes, int]) -> None:
    """The bank module's two demands hold for any set of accounts; the order is that of the addresses' bytes."""
    amounts.pop(bytes(20), None)
    genesis = sdk_genesis({"address": FIRST, "account_number": "0"}, FIRST)
    addresses = {encode_address("cosmos", raw): raw for raw in [*amounts, bytes(20)]}
    add_accounts(genesis, {address: {"stake": amounts[raw]} for address, raw in addresses.items() if raw in amounts})

    bank = genesis["app_state"]["bank"]
    assert bank["supply"] == [{"denom": "stake", "amount": str(5 + sum(amounts.values()))}]
    order = [addresses[balance["address"]] for balance in bank["balances"]]
    assert order == sorted(order)


def test_an_address_that_is_funded_twice_is_refused() -> None:
    """The same address twice would be two accounts with one address, which the SDK only notices at the start."""
    with pytest.raises(BadInputError, match="funded twice"):
        add_accounts(sdk_genesis({"address": FIRST}, FIRST), {FIRST: {"stake": 1}})


def test_a_genesis_without_the_one_account_is_a_form_not_known() -> None:
    """Where the binary's own account is missing, nothing can be learnt from it."""
    genesis = sdk_genesis({"address": FIRST}, FIRST)
    genesis["app_state"]["auth"]["accounts"] = []
    with pytest.raises(MismatchError, match="exactly one account"):
        add_accounts(genesis, {})
