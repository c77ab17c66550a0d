"""HD derivation: against BIP-32's own vectors, an independent library's, and what BIP-32 says of keys that are none."""

import hmac
import json
from typing import Any

import pytest
from coincurve import PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from project import DATA

from exposer.accounts.address import account_address, encode_address
from exposer.accounts.hd import at_index, derive_secp256k1, parse_path, standard_path
from exposer.accounts.mnemonic import Mnemonic
from exposer.accounts.secret import Secret
from exposer.errors import BadInputError

VECTORS = json.loads((DATA / "derivations.json").read_bytes())
ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
SEED_1 = "000102030405060708090a0b0c0d0e0f"
SEED_3 = (
    "4b381541583be4423346c643850da4b320e46a87ae3d2a4e6da11eba819cd4ac"
    "ba45d239319ac14f863b8d5ab5a0d0c64d2e8a1e7d1457df2e5a3c51c73235be"
)
SEED_4 = "3ddd5602285899a946114506157c7997e5444528f3003f6134712147db19b678"


@pytest.mark.parametrize(
    ("seed", "path", "private"),
    [
        (SEED_1, "m/0'", "edb2e14f9ee77d26dd93b4ecede8d16ed408ce149b6cd80b0715a2d911a0afea"),
        (SEED_1, "m/0'/1", "3c6cb8d0f6a264c91ea8b5030fadaa8e538b020f0a387421a12de9319dc93368"),
        (SEED_1, "m/0'/1/2'", "cbce0d719ecf7431d88e6a89fa1483e02e35092af60c042b1df2ff59fa424dca"),
        (SEED_1, "m/0'/1/2'/2", "0f479245fb19a38a1954c5c7c0ebab2f9bdfd96a17563ef28a6a4b1a2a764ef4"),
        (SEED_1, "m/0'/1/2'/2/1000000000", "471b76e389e528d6de6d816857e012c5455051cad6660850e58372a6c3e6e7c8"),
        (SEED_3, "m/0'", "491f7a2eebc7b57028e0d3faa0acda02e75c33b03c48fb288c41e2ea44e1daef"),
        (SEED_4, "m/0'", "00d948e9261e41362a688b916f297121ba6bfb2274a3575ac0e456551dfd7f7e"),
        (SEED_4, "m/0'/1'", "3a2086edd7d9df86c3487a5905a1712a9aa664bce8cc268141e07549eaa8661d"),
    ],
)
def test_derivation_is_that_of_bip32(seed: str, path: str, private: str) -> None:
    """Private keys of BIP-32's test vectors 1, 3 and 4: hardened and not, and with leading zeros."""
    assert derive_secp256k1(Secret(bytes.fromhex(seed)), path).reveal().hex() == private


@pytest.mark.parametrize("sentence", VECTORS["sentences"], ids=lambda sentence: str(len(sentence["mnemonic"].split())))
def test_keys_and_addresses_are_those_of_an_independent_library(sentence: dict[str, Any]) -> None:
    """Seeds, keys and addresses as bip-utils makes them: all lengths, three languages, any path, prefix, algorithm."""
    mnemonic = Mnemonic(sentence["mnemonic"])
    seed = mnemonic.seed()

    assert mnemonic.is_valid()
    assert seed.reveal().hex() == sentence["seed"]
    for account in sentence["accounts"]:
        private = derive_secp256k1(seed, account["path"]).reveal()
        public = PrivateKey(private).public_key.format(compressed=True)
        assert (private.hex(), public.hex()) == (account["private_key"], account["public_key"])
        for algorithm in ("secp256k1", "eth_secp256k1"):
            address = encode_address(account["prefix"], account_address(public, algorithm))
            assert address == account[algorithm]


@pytest.mark.parametrize("scalar", [0, ORDER, ORDER + 1, (1 << 256) - 1])
@pytest.mark.parametrize("call", [0, 1, 3])
def test_a_key_that_bip32_calls_invalid_is_refused(monkeypatch: pytest.MonkeyPatch, scalar: int, call: int) -> None:
    """A master key of 0 or not below the curve's order, and such a part of a child's, are no keys: not taken mod n."""
    calls = iter(range(9))
    real = hmac.digest

    def digest(key: bytes, message: bytes, name: str) -> bytes:
        made = real(key, message, name)
        return scalar.to_bytes(32, "big") + made[32:] if next(calls) == call else made

    monkeypatch.setattr(hmac, "digest", digest)
    if scalar == 0 and call:
        derive_secp256k1(Secret(bytes(64)), "m/44'/118'/0'")  # the parent's key plus 0 is a key
        return
    with pytest.raises(BadInputError, match="no key here; use the next index"):
        derive_secp256k1(Secret(bytes(64)), "m/44'/118'/0'")


def test_a_child_that_comes_to_zero_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child whose part is the negative of its parent's key has none."""
    halves = iter([(5).to_bytes(32, "big"), (ORDER - 5).to_bytes(32, "big")])
    monkeypatch.setattr(hmac, "digest", lambda *_: next(halves) + bytes(32))

    with pytest.raises(BadInputError, match="no key here"):
        derive_secp256k1(Secret(bytes(64)), "m/0")


@pytest.mark.parametrize(
    "path",
    [
        *("", "m", "m/", "44'/118'/0'/0/0", "m/44'/118'/0'/0/0/", "m//0", "m/-1", "m/01", "m/0x1", "m/0h", "m/1''"),
        *("m/ 1", "m/2147483648", "m/2147483648'", "m/٣", "M/0", "m/0\n"),
    ],
)
def test_a_path_that_binaries_read_differently_or_not_at_all_is_refused(path: str) -> None:
    """Relative paths, leading zeros, numbers from 2^31 on: one binary refuses what another takes for another key."""
    with pytest.raises(BadInputError, match="HD path"):
        parse_path(path)


APOSTROPHE = "'"
steps = st.tuples(st.integers(0, (1 << 31) - 1), st.booleans())


@given(st.lists(steps, min_size=1, max_size=8))
def test_every_bip32_path_can_be_written(path: list[tuple[int, bool]]) -> None:
    """A path of any numbers below 2^31, hardened or not, at any place, is read as those numbers."""
    text = "m/" + "/".join(f"{number}{mark * APOSTROPHE}" for number, mark in path)

    assert parse_path(text) == [number + mark * (1 << 31) for number, mark in path]


@pytest.mark.parametrize("digits", [11, 5000])
def test_a_number_of_any_length_is_refused(digits: int) -> None:
    """Python refuses to read numbers of thousands of digits in its own way, which nobody gets to see."""
    with pytest.raises(BadInputError, match="below 2147483648"):
        parse_path("m/" + "9" * digits)


@given(st.lists(steps, max_size=4), st.integers(0, 1 << 20), st.booleans(), st.integers(0, 99), st.integers(0, 99))
def test_indices_add_up(head: list[tuple[int, bool]], last: int, hardened: bool, one: int, two: int) -> None:
    """Moving on twice is moving on by the sum; all but the last number stay, and it stays hardened where it is."""
    text = "m" + "".join(f"/{number}{mark * APOSTROPHE}" for number, mark in [*head, (last, hardened)])
    moved = at_index(text, one + two)

    assert at_index(at_index(text, one), two) == moved
    assert at_index(text, 0) == text
    assert parse_path(moved) == [*parse_path(text)[:-1], parse_path(text)[-1] + one + two]


def test_accounts_have_their_place_in_the_path() -> None:
    """Coin type, account and index stand where BIP-44 has them."""
    assert standard_path(529) == "m/44'/529'/0'/0/0"
    assert standard_path(118, 3, 7) == "m/44'/118'/3'/0/7"
