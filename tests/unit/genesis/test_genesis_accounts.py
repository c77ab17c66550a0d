"""Accounts: in the shape that the binary made, each once, with supply and balances equal, whatever there was before."""

import json
from pathlib import Path
from typing import Any

import bech32
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_documents import write

from exposer.accounts.address import encode_address
from exposer.errors import BadInputError, MismatchError
from exposer.genesis.accounts import Shape, Signer, add_accounts, first_shape, signers
from exposer.genesis.addresses import AddressForm, module_address
from exposer.genesis.grants import Grants
from exposer.genesis.source import Source

FIRST = encode_address("cosmos", bytes(20))
SECOND = encode_address("cosmos", b"\x01" * 20)
BASE = {"@type": "/cosmos.auth.v1beta1.BaseAccount", "address": FIRST, "account_number": "0", "sequence": "0"}
ETH = {
    "@type": "/ethermint.types.v1.EthAccount",
    "base_account": {"address": FIRST, "account_number": "0", "sequence": "0"},
    "code_hash": "0xc5d2",
}


def sdk_genesis(*accounts: dict[str, Any], stake: int = 5, **more: Any) -> dict[str, Any]:
    """The parts of an SDK genesis that accounts live in, the first of which has some stake."""
    coins = [{"denom": "stake", "amount": str(stake)}]
    bank = {"balances": [{"address": FIRST, "coins": coins}] if accounts else [], "supply": coins if accounts else []}
    return {**more, "app_state": {"auth": {"accounts": list(accounts)}, "bank": bank}}


def granted(path: Path, genesis: dict[str, Any], grants: Grants, shape: dict[str, Any] = BASE, **more: Any) -> Any:
    """A genesis with what is granted in it; its text is what the encoder would have written."""
    with Source(write(path / "shape.json", sdk_genesis(shape))) as source:
        learned = first_shape(source)
    with Source(write(path / "g.json", genesis)) as source, (path / "new.json").open("wb") as target:
        source.rewrite(target, add_accounts(source, grants, learned, **more))
    document = json.loads((path / "new.json").read_bytes())
    assert (path / "new.json").read_bytes() == write(path / "reference.json", document).read_bytes()
    return document


def some(**coins: str) -> Grants:
    """Grants to the first and the second address."""
    grants = Grants(AddressForm("cosmos"))
    for name, amount in coins.items():
        grants.add({"first": FIRST, "second": SECOND}[name], amount, name)
    return grants


@pytest.mark.parametrize("account", [BASE, ETH])
def test_accounts_take_the_shape_that_the_binary_made(tmp_path: Path, account: dict[str, Any]) -> None:
    """Every added account is the binary's own, with another address and the next number."""
    document = granted(tmp_path, sdk_genesis(account), some(second="7stake"), account)

    first, added = document["app_state"]["auth"]["accounts"]
    inner = added.get("base_account", added)
    assert (inner["address"], inner["account_number"]) == (SECOND, "1")
    assert (first, list(added)) == (account, list(account))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(amounts=st.dictionaries(st.binary(min_size=20, max_size=20), st.integers(0, 10**30), max_size=30))
def test_supply_is_the_sum_of_the_balances(tmp_path: Path, amounts: dict[bytes, int]) -> None:
    """Accounts, balances and numbers are in the order of addition; the supply is the sum, for any set of accounts."""
    grants = Grants(AddressForm("cosmos"))
    for raw, amount in amounts.items():
        grants.add(encode_address("cosmos", raw), f"{amount}stake", "x")
    state = granted(tmp_path, sdk_genesis(), grants)["app_state"]

    added = [encode_address("cosmos", raw) for raw in amounts]
    assert [account["address"] for account in state["auth"]["accounts"]] == added
    assert [account["account_number"] for account in state["auth"]["accounts"]] == [str(n) for n in range(len(added))]
    assert [balance["address"] for balance in state["bank"]["balances"]] == added
    total = sum(amounts.values())
    assert state["bank"]["supply"] == ([{"denom": "stake", "amount": str(total)}] if total else [])


def test_an_account_that_is_there_is_given_the_coins(tmp_path: Path) -> None:
    """In the state of a chain that ran, a key's account may exist: it is not added again, its balance grows."""
    there = {**BASE, "account_number": "7"}
    state = granted(tmp_path, sdk_genesis(there), some(second="1stake", first="2stake,3atom"))["app_state"]

    assert [account["account_number"] for account in state["auth"]["accounts"]] == ["7", "8"]
    held = [{"denom": "atom", "amount": "3"}, {"denom": "stake", "amount": "7"}]
    assert state["bank"]["balances"][0] == {"address": FIRST, "coins": held}
    assert state["bank"]["supply"] == [{"denom": "atom", "amount": "3"}, {"denom": "stake", "amount": "8"}]


def test_coins_move_and_the_supply_stays(tmp_path: Path) -> None:
    """What moves leaves one balance and comes to another, which is made where there is none."""
    moved = {FIRST: {"stake": -5}, SECOND: {"stake": 5}}
    bank = granted(tmp_path, sdk_genesis(BASE), some(), moved=moved)["app_state"]["bank"]

    assert bank["supply"] == [{"denom": "stake", "amount": "5"}]
    assert bank["balances"] == [
        {"address": FIRST, "coins": []},
        {"address": SECOND, "coins": [{"denom": "stake", "amount": "5"}]},
    ]


def test_a_supply_that_is_not_stated_stays_so(tmp_path: Path) -> None:
    """The chain sums the balances up itself where there are some and no supply."""
    genesis = sdk_genesis(BASE)
    genesis["app_state"]["bank"]["supply"] = []

    assert granted(tmp_path, genesis, some(second="1stake"))["app_state"]["bank"]["supply"] == []


@pytest.mark.parametrize(("height", "signer"), [(None, Signer(0, 4)), (1, Signer(0, 4)), ("9", Signer(7, 4))])
def test_a_signature_names_number_and_sequence_as_the_chain_sees_them(
    tmp_path: Path, height: Any, signer: Signer
) -> None:
    """In block 0 every number is 0; a chain that goes on at a height knows the account's own, new ones included."""
    there = {**BASE, "account_number": "7", "sequence": "4"}
    genesis = sdk_genesis(there, **({} if height is None else {"initial_height": height}))
    with Source(write(tmp_path / "g.json", genesis)) as source:
        found = signers(source, some(first="", second=""), [FIRST, SECOND])

    assert found == {FIRST: signer, SECOND: Signer(8 if signer.number else 0, 0)}


def test_what_is_no_sdk_genesis_is_a_form_not_known(tmp_path: Path) -> None:
    """Where the binary's own account is missing, nothing can be learnt from it."""
    with Source(write(tmp_path / "g.json", {"app_state": {"auth": {"accounts": []}}})) as source:
        with pytest.raises(MismatchError, match="added no account"):
            first_shape(source)
        with pytest.raises(BadInputError, match=r"genesis: it has no app_state with auth\.accounts"):
            add_accounts(source, some(), Shape(BASE, FIRST))


@pytest.mark.parametrize("path", [("auth", "accounts"), ("bank", "balances"), ("bank", "supply")])
def test_a_list_may_be_null_and_nothing_else(tmp_path: Path, path: tuple[str, str]) -> None:
    """Go writes an empty list as null, which becomes one; an object is refused with its path."""
    genesis = sdk_genesis()
    genesis["app_state"][path[0]][path[1]] = None
    state = granted(tmp_path, genesis, some(second="1stake"))["app_state"]
    assert [len(state[module][name]) for module, name in (("auth", "accounts"), ("bank", "balances"))] == [1, 1]

    genesis["app_state"][path[0]][path[1]] = {}
    with pytest.raises(BadInputError, match=f"genesis: app_state.{path[0]}.{path[1]} is no list"):
        granted(tmp_path, genesis, some(second="1stake"))


@pytest.mark.parametrize(
    ("there", "vesting", "told"),
    [
        (BASE, {"type": "permanent-locked"}, "has an account already; only a new one can vest"),
        ({"base_account": BASE, "name": "pool"}, None, "is the account of the module pool"),
        ({**BASE, "account_number": "x"}, None, "genesis: it has a form that no SDK chain's genesis has .ValueError"),
        (None, None, "genesis: it has a form .*AttributeError"),
    ],
)
def test_accounts_that_are_there_and_cannot_be_given_this(tmp_path: Path, there: Any, vesting: Any, told: str) -> None:
    """Vesting and a module's account cannot be changed; what no chain wrote is bad input."""
    grants = load(tmp_path, {"address": FIRST, "vesting": vesting})
    with Source(write(tmp_path / "g.json", sdk_genesis(there))) as source, pytest.raises(BadInputError, match=told):
        signers(source, grants, [])


def test_what_moves_to_an_address_with_a_grant_is_one_balance(tmp_path: Path) -> None:
    """A new address that is granted coins, and to which some move, gets both in its one balance."""
    moved = {FIRST: {"stake": -5}, SECOND: {"stake": 5}}
    document = granted(tmp_path, sdk_genesis(BASE), some(second="1stake"), moved=moved)
    balances = document["app_state"]["bank"]["balances"]

    assert [balance["address"] for balance in balances] == [FIRST, SECOND]
    assert balances[1]["coins"] == [{"denom": "stake", "amount": "6"}]


VESTINGS: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    (
        {
            "type": "continuous",
            "start": "2026-01-01T00:00:00Z",
            "end": "2026-01-01T00:01:00.5+00:00",
            "amount": "4stake",
        },
        "ContinuousVestingAccount",
        {"start_time": "1767225600", "end_time": "1767225660", "original_vesting": "4"},
    ),
    ({"type": "continuous", "end": "2026-01-01T00:00:00Z"}, "ContinuousVestingAccount", {"start_time": "99"}),
    (
        {"type": "delayed", "end": "2026-01-01T00:00:00Z"},
        "DelayedVestingAccount",
        {"end_time": "1767225600", "original_vesting": "9"},
    ),
    ({"type": "permanent-locked"}, "PermanentLockedAccount", {"end_time": "0", "original_vesting": "9"}),
    (
        {"type": "periodic", "periods": [{"length": "1m", "amount": "2stake"}, {"length": "1s", "amount": "3stake"}]},
        "PeriodicVestingAccount",
        {"start_time": "99", "end_time": "160", "original_vesting": "5"},
    ),
]


@pytest.mark.parametrize(("vesting", "kind", "expected"), VESTINGS)
@pytest.mark.parametrize("shape", [BASE, ETH])
def test_vesting_accounts(
    tmp_path: Path, shape: dict[str, Any], vesting: dict[str, Any], kind: str, expected: dict[str, Any]
) -> None:
    """The account vests as it says, around the base account that the binary made, and has all its coins."""
    document = granted(tmp_path, sdk_genesis(shape), load(tmp_path, {"vesting": vesting}), shape)

    added = document["app_state"]["auth"]["accounts"][1]
    outer = added["base_vesting_account"]
    told = {**outer, **added, "original_vesting": outer["original_vesting"][0]["amount"]}
    assert added["@type"] == f"/cosmos.vesting.v1beta1.{kind}"
    assert {name: told[name] for name in expected} == expected
    assert outer["base_account"]["address"] == SECOND
    assert "@type" not in outer["base_account"]
    assert document["app_state"]["bank"]["balances"][1]["coins"] == [{"denom": "stake", "amount": "9"}]


def load(path: Path, *entries: Any, hexadecimal: bool = False) -> Grants:
    """What a balances file with these entries grants; unless they say more, each has 9stake."""
    whole = [
        {"address": SECOND, "amount": "9stake", **entry} if isinstance(entry, dict) else entry for entry in entries
    ]
    grants = Grants(AddressForm("cosmos", hexadecimal=hexadecimal))
    grants.load(write(path / "balances.json", whole), genesis_time=99)
    return grants


def periods(length: str) -> list[dict[str, str]]:
    """Two periods of that length."""
    return [{"length": length, "amount": "1stake"}] * 2


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"address": FIRST[:-1]}, ".* is no bech32 address of 20 or 32 bytes"),
        ({"address": FIRST[:-1] + ("q" if FIRST[-1] != "q" else "p")}, "the checksum of .* is wrong"),
        ({"address": encode_address("osmo", bytes(20))}, ".* they begin with cosmos1"),
        ({"address": encode_address("cosmos", bytes(19))}, ".* 20 or 32 bytes"),
        ({"address": "0x" + "00" * 20}, ".* no address of this chain"),
        ({"address": 5}, "5 is no address"),
        ({}, ".* is funded twice"),
        ({"address": FIRST, "amount": "1"}, "amount: '1' is not a coin"),
        ({"address": FIRST, "amount": f"{2**256}stake"}, "amount: .* more than the SDK's 256 bits"),
        ({"address": FIRST, "amuont": "1stake"}, "there is no 'amuont'"),
        ("x", "has no address and amount"),
        ({"address": module_address("cosmos", "gov"), "amount": ""}, ".* is the account of the module gov"),
        ({"address": FIRST, "vesting": {"type": "permanent-locked", "amount": {"stake": "1"}}}, ".*is not a coin"),
        ({"address": FIRST, "vesting": {"type": "permanent-locked", "amount": "0stake"}}, ".*a coin of nothing"),
        ({"address": FIRST, "vesting": {"type": "delayed", "end": "1969-01-01T00:00:00Z"}}, ".*is before 1970"),
        ({"address": FIRST, "amount": "", "vesting": {"type": "permanent-locked"}}, ".*nothing vests"),
        *(
            (
                {
                    "address": FIRST,
                    "vesting": {"type": "periodic", "periods": periods(length)},
                },
                told,
            )
            for length, told in [
                ("9" * 400, ".*whole seconds|.*infinity"),
                ("9" * 19, ".*whole seconds"),
                ("5000000000000000000", ".*periods end beyond"),
            ]
        ),
        ({"address": FIRST, "vesting": {"type": "cliff"}}, r"vesting\.type is none of continuous, "),
        ({"address": FIRST, "vesting": {"type": "delayed"}}, r"vesting\.end: None is not a time"),
        ({"address": FIRST, "vesting": {"type": "delayed", "start": "x"}}, r"vesting\.start is nothing that delayed"),
        (
            {"address": FIRST, "vesting": {"type": "permanent-locked", "amount": "10stake"}},
            r"vesting\.amount: 10stake vest, and the account has 9stake",
        ),
        (
            {"address": FIRST, "vesting": {"type": "periodic", "periods": [{"length": "0.5s", "amount": "1stake"}]}},
            r"vesting\.periods\[0\]\.length: '0\.5s' is not a number of whole seconds",
        ),
        (
            {"address": FIRST, "vesting": {"type": "continuous", "end": "1970-01-01T00:00:01Z"}},
            r"vesting\.end is not behind its start",
        ),
    ],
)
def test_a_wrong_balance_is_refused_by_its_number(tmp_path: Path, entry: Any, told: str) -> None:
    """The entry and what is wrong with it are named."""
    with pytest.raises(BadInputError, match=f"GENESIS_BALANCES: entry 1:? {told}"):
        load(tmp_path, {}, entry)


@pytest.mark.parametrize("content", ["{}", "[1", "nope", "", '[{"address": "a", "address": "b", "amount": ""}]'])
def test_what_is_no_list_of_balances_is_refused(tmp_path: Path, content: str) -> None:
    """Another document, a cut one and none at all are bad input."""
    path = tmp_path / "balances.json"
    path.write_text(content)
    with pytest.raises(BadInputError, match="GENESIS_BALANCES"):
        Grants(AddressForm("cosmos")).load(path, 0)


def test_hexadecimal_addresses_are_those_of_evm_chains(tmp_path: Path) -> None:
    """In lower case, in upper case or with its checksum (EIP-55, whose own example this is) an address is converted."""
    mixed = "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    for digits in (mixed, mixed.lower(), mixed.upper()):
        grants = load(tmp_path, {"address": f"0x{digits}"}, hexadecimal=True)
        assert [address for address, _ in grants] == [encode_address("cosmos", bytes.fromhex(mixed))]
    with pytest.raises(BadInputError, match=r"checksum of '0x5AAeb.*EIP-55"):
        load(tmp_path, {"address": f"0x5A{mixed[2:]}"}, hexadecimal=True)


def test_what_pads_the_last_character_is_zero() -> None:
    """Bits that are set behind the last byte would make a second text for one address (BIP-173)."""
    padded = bech32.bech32_encode("cosmos", [0] * 51 + [1])
    with pytest.raises(BadInputError, match="checksum"):
        AddressForm("cosmos").normal(padded, "x")


@given(raw=st.binary(min_size=20, max_size=20) | st.binary(min_size=32, max_size=32), data=st.data())
def test_the_checksum_is_that_of_the_reference(raw: bytes, data: st.DataObject) -> None:
    """What the reference implementation of BIP-173 encodes is passed, and with any one character changed it is not."""
    prefix = data.draw(st.sampled_from(["cosmos", "evmos", "a-1"]))
    address, form = encode_address(prefix, raw), AddressForm(prefix)
    place = data.draw(st.integers(len(prefix) + 1, len(address) - 1))
    other = data.draw(
        st.sampled_from([char for char in "qpzry9x8gf2tvdw0s3jn54khce6mua7lb1" if char != address[place]])
    )

    assert form.normal(address, "x") == address
    with pytest.raises(BadInputError):
        form.normal(address[:place] + other + address[place + 1 :], "x")
