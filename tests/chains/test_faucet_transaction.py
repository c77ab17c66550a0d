"""Transactions written by hand, asked about at the real binaries: they read what was meant, and sign it alike."""

import base64
import json
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from networks import fresh_mnemonic
from project import real_binary

from exposer.accounts.address import Algorithm, encode_address
from exposer.accounts.hd import derive_secp256k1, standard_path
from exposer.accounts.mnemonic import Mnemonic
from exposer.accounts.purse import Purse
from exposer.faucet.credit import Credit
from exposer.faucet.transaction import Draft

CHAINS = [
    pytest.param("simd", "cosmos", 118, "secp256k1", "/cosmos.crypto.secp256k1.PubKey", id="simd"),
    pytest.param("simd-0.46", "cosmos", 118, "secp256k1", "/cosmos.crypto.secp256k1.PubKey", id="simd-0.46"),
    pytest.param("simd-0.47", "cosmos", 118, "secp256k1", "/cosmos.crypto.secp256k1.PubKey", id="simd-0.47"),
    pytest.param("wasmd", "wasm", 118, "secp256k1", "/cosmos.crypto.secp256k1.PubKey", id="wasmd"),
    pytest.param("evmosd", "evmos", 60, "eth_secp256k1", "/ethermint.crypto.v1.ethsecp256k1.PubKey", id="evmosd"),
]


class Chain:
    """A real binary with one key in its keyring, and the purse of the same key."""

    def __init__(self, binary: str, home: Path, purse: Purse, words: str, coin_type: int) -> None:
        self.binary = real_binary(binary)
        self.flags = ("--home", str(home), "--keyring-backend", "test")
        self.purse = purse
        path = ("--hd-path", standard_path(coin_type))
        added = self.run("keys", "add", "faucet", "--recover", *path, "--output", "json", *self.flags, stdin=words)
        assert json.loads(added)["address"] == purse.address

    def run(self, *arguments: str, stdin: str = "") -> str:
        """What the binary answers."""
        done = subprocess.run(
            [self.binary, *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout or done.stderr

    def decode(self, transaction: bytes) -> Any:
        """A transaction as the binary reads it."""
        return json.loads(self.run("tx", "decode", base64.b64encode(transaction).decode(), *self.flags[:2]))

    def sign(self, unsigned: Path, draft: Draft) -> Any:
        """The binary's own signature of the same document."""
        numbers = ("--account-number", str(draft.account_number), "--sequence", str(draft.sequence))
        how = ("--offline", "--sign-mode", "direct", "--chain-id", self.purse.chain_id, "--from", "faucet")
        return json.loads(self.run("tx", "sign", str(unsigned), *how, *numbers, *self.flags))


@pytest.mark.parametrize(("binary", "prefix", "coin_type", "algorithm", "key_type"), CHAINS)
def test_the_binary_reads_and_signs_the_same(
    tmp_path: Path, binary: str, prefix: str, coin_type: int, algorithm: Algorithm, key_type: str
) -> None:
    """The binary decodes what the draft says, and its own signature of that is the same, byte for byte (RFC 6979)."""
    words = fresh_mnemonic()
    key = derive_secp256k1(Mnemonic(words).seed(), standard_path(coin_type))
    purse = Purse("chain_9000-1", prefix, algorithm, key_type, {}, key)
    chain = Chain(binary, tmp_path, purse, words, coin_type)
    credits_ = [
        Credit(number, encode_address(prefix, bytes([number]) * 20), "stake", 10**number, 0.0) for number in (1, 30)
    ]
    draft = Draft(credits_, account_number=7, sequence=300, until=1000).with_gas(200_000, {"stake": Fraction("0.025")})

    decoded = chain.decode(draft.sign(purse))

    body = decoded["body"]
    assert [(send["to_address"], send["amount"]) for send in body["messages"]] == [
        (credit.address, [{"denom": "stake", "amount": str(credit.amount)}]) for credit in credits_
    ]
    assert {send["from_address"] for send in body["messages"]} == {purse.address}
    assert body["timeout_height"] == "1000"
    authority = decoded["auth_info"]
    assert authority["fee"]["amount"] == [{"denom": "stake", "amount": "5000"}]
    assert authority["fee"]["gas_limit"] == "200000"
    assert [(signer["public_key"]["@type"], signer["sequence"]) for signer in authority["signer_infos"]] == [
        (key_type, "300")
    ]
    unsigned = tmp_path / "unsigned.json"
    unsigned.write_text(
        json.dumps({**decoded, "auth_info": {**authority, "signer_infos": []}, "signatures": []}), encoding="utf-8"
    )
    (signature,) = chain.sign(unsigned, draft)["signatures"]
    assert base64.b64decode(signature)[:64] == base64.b64decode(decoded["signatures"][0])
