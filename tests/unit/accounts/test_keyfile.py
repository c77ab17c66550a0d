"""Keys: derivation against published vectors, and a keys file that is refused without quoting it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import fresh_mnemonic

from exposer.accounts.address import decode_address, encode_address
from exposer.accounts.hd import standard_path
from exposer.accounts.keyfile import Key, load_keys
from exposer.accounts.mnemonic import Mnemonic
from exposer.errors import BadInputError

ABANDON = "abandon " * 11 + "about"
SEED = (
    "5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc1"
    "9a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4"
)


def test_seed_is_that_of_bip39() -> None:
    """The seed of the test sentence without a passphrase is the published one."""
    assert Mnemonic(ABANDON).seed().reveal().hex() == SEED


def test_address_is_that_of_the_chains_binaries() -> None:
    """The addresses that a real simd derives of the test sentence at the first three indices."""
    addresses = [Key("a", Mnemonic(ABANDON), index).address("cosmos", standard_path(118)) for index in range(3)]

    assert addresses == [
        "cosmos19rl4cm2hmr8afy4kldpxz3fka4jguq0auqdal4",
        "cosmos1jrkmdcwgq94uaamx6zax2luewlhf7u4kucx3kz",
        "cosmos1kng7tv83qesgvv2ze7hxlw4urfrjk8vqqnpqdt",
    ]


def test_identities_differ_by_purpose_and_index() -> None:
    """Consensus key, node key and the keys of other ordinals never share a seed."""
    mnemonic = Mnemonic(fresh_mnemonic())
    keys = [Key("k", mnemonic, index) for index in range(3)]
    seeds = [seed.reveal() for key in keys for seed in (key.node_seed(), key.consensus_seed())]

    assert len(set(seeds)) == len(seeds)


def test_one_entry_serves_every_ordinal_by_index(tmp_path: Path) -> None:
    """A role with a single mnemonic gives each ordinal its own address index."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"validators": [{"name": "v", "mnemonic": ABANDON}]}))
    keys = load_keys(path)

    assert [(keys.at("validators", n).name, keys.at("validators", n).index) for n in range(3)] == [
        ("v", 0),
        ("v-1", 1),
        ("v-2", 2),
    ]


def test_several_entries_serve_as_many_ordinals(tmp_path: Path) -> None:
    """With several mnemonics an ordinal beyond them is refused, with the number that is missing."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"validators": [{"name": n, "mnemonic": fresh_mnemonic()} for n in "ab"]}))

    assert load_keys(path).at("validators", 1).name == "b"
    with pytest.raises(BadInputError, match="2 entries and ordinal 2"):
        load_keys(path).at("validators", 2)


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"genesis": {}}', "genesis is not a list"),
        ('{"genesis": [{"mnemonic": "x"}]}', r"genesis\[0\].name"),
        ('{"genesis": [{"name": "x"}]}', r"genesis\[0\].mnemonic"),
        ('{"genesis": [{"name": "x", "mnemonic": "sesame open sesame"}]}', "BIP-39"),
        (json.dumps({"genesis": [{"name": "x", "mnemonic": "abandon " * 12}]}), "checksum"),
        ('{"genesis": [], "keys": [], "genesis": []}', "'genesis' is there twice"),
        ('{"genesis": [{"name": "x", "mnemonic": "sesame", "mnemonic": "abandon"}]}', "'mnemonic' is there twice"),
    ],
)
def test_a_wrong_keys_file_is_refused_without_quoting_it(tmp_path: Path, document: str, what: str) -> None:
    """Each mistake names role and entry; no word of a mnemonic is in the message."""
    path = tmp_path / "keys.json"
    path.write_text(document)

    with pytest.raises(BadInputError, match=what) as refused:
        load_keys(path)
    assert "abandon" not in str(refused.value)
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize(
    "name", ["--help", "-x", " ", "", "a/b", "../a", "a\nb", "a\n", "\x1b[31m", "\ud800", "x" * 65]
)
def test_a_name_is_one_for_a_binary_and_a_file(tmp_path: Path, name: str) -> None:
    """What a binary would take for a flag or a path, or a terminal for a command, is refused by its place."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [{"name": "Test 1.a_b@c+d-e", "mnemonic": ABANDON}]}))
    assert load_keys(path).at("keys", 0).name == "Test 1.a_b@c+d-e"

    path.write_text(json.dumps({"keys": [{"name": name, "mnemonic": ABANDON}]}))
    with pytest.raises(BadInputError, match=r"keys\[0\]\.name"):
        load_keys(path)


def entries(*mnemonics: str) -> list[dict[str, str]]:
    """Entries of a role, of these mnemonics."""
    return [{"name": f"k{number}", "mnemonic": mnemonic} for number, mnemonic in enumerate(mnemonics)]


def test_a_shared_identity_is_one_of_this_pod_and_any_other(tmp_path: Path) -> None:
    """Twins in genesis and validators are refused for both, whatever the ordinals; other pods go on."""
    one, two, three = (fresh_mnemonic() for _ in range(3))
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"genesis": entries(one), "validators": entries(two, three, three, one)}))
    keys = load_keys(path)

    keys.refuse_shared_identities([keys.at("validators", 0)])
    for role, ordinal in (("genesis", 0), ("validators", 1), ("validators", 2), ("validators", 3)):
        with pytest.raises(BadInputError, match="have the same mnemonic"):
            keys.refuse_shared_identities([keys.at(role, ordinal)])


def test_the_ordinals_of_one_mnemonic_share_no_identity(tmp_path: Path) -> None:
    """Pods that one entry serves are told apart by their index; only the first is a genesis pod's twin."""
    mnemonic = fresh_mnemonic()
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"genesis": entries(mnemonic), "validators": entries(mnemonic)}))
    keys = load_keys(path)

    keys.refuse_shared_identities(keys.at("validators", ordinal) for ordinal in (1, 2))
    for pod in (keys.at("genesis", 0), keys.at("validators", 0)):
        with pytest.raises(BadInputError, match="have the same mnemonic"):
            keys.refuse_shared_identities([pod])


def test_a_missing_keys_file_names_the_variable(tmp_path: Path) -> None:
    """A keys file that is not mounted is said to be missing, by the name of its variable."""
    with pytest.raises(BadInputError, match="KEYS_CONFIG"):
        load_keys(tmp_path / "none.json")


@given(raw=st.binary(min_size=20, max_size=32), prefix=st.sampled_from(["cosmos", "osmo", "agoric", "a"]))
def test_addresses_round_trip(raw: bytes, prefix: str) -> None:
    """Decoding an address gives the prefix and the bytes it was made of."""
    assert decode_address(encode_address(prefix, raw)) == (prefix, raw)


@pytest.mark.parametrize("text", ["", "cosmos1", "cosmos19rl4cm2hmr8afy4kldpxz3fka4jguq0auqdal5", "no address"])
def test_a_wrong_address_is_refused(text: str) -> None:
    """An address with a wrong checksum or form is named."""
    with pytest.raises(BadInputError, match="bech32"):
        decode_address(text)
