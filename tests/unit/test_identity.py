"""CometBFT identities against published vectors and the real binary's files."""

import base64
import json

import pytest

from exposer.documents import DocumentError
from exposer.identity import ed25519_public, node_public_key, public_key, validator_public_key

SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


def typed(kind: str, raw: bytes) -> dict[str, str]:
    """A key as CometBFT writes it."""
    return {"type": kind, "value": base64.b64encode(raw).decode()}


def test_public_key_is_that_of_rfc8032() -> None:
    """The public key of RFC 8032's first test vector."""
    assert ed25519_public(SEED).hex() == PUBLIC


def test_secp256k1_address_is_that_of_cometbft() -> None:
    """The address of CometBFT's own secp256k1 test vector (``crypto/secp256k1``, after bitcoin's hash160)."""
    private = bytes.fromhex("a96e62ed3955e65be32703f12d87b6b5cf26039ecfa948dc5107a495418e5330")
    key = node_public_key(json.dumps({"priv_key": typed("tendermint/PrivKeySecp256k1", private)}).encode())

    assert key.raw.hex() == "02950e1cdfcb133d6024109fd489f734eeb4502418e538c28481f22bce276f248c"
    assert key.address.hex() == "7c2bb42a8be69791ec763e51f5a49bcd41e82237"


@pytest.mark.parametrize(
    ("kind", "length", "url"),
    [
        ("tendermint/PubKeyEd25519", 32, "/cosmos.crypto.ed25519.PubKey"),
        ("tendermint/PubKeySecp256k1", 33, "/cosmos.crypto.secp256k1.PubKey"),
        ("cometbft/PubKeyBls12_381", 48, "/cosmos.crypto.bls12_381.PubKey"),
    ],
)
def test_every_kind_of_public_key_is_known(kind: str, length: int, url: str) -> None:
    """A consensus key of any CometBFT type has a type URL and an address of 20 bytes."""
    key = validator_public_key(json.dumps({"pub_key": typed(kind, bytes(length))}).encode())

    assert key.type_url == url
    assert len(key.address) == 20
    assert key.to_json() == typed(kind, bytes(length))


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"type": "tendermint/PubKeyEd25519"},
        {"type": "tendermint/PubKeyEd25519", "value": "not base64!"},
        {"type": "tendermint/PubKeyEd25519", "value": "AAAA"},
        {"type": "other", "value": "AAAA"},
        {"type": 5, "value": "AAAA"},
        "text",
    ],
)
def test_what_is_no_public_key_is_refused(document: object) -> None:
    """Unknown types, wrong lengths and broken base64 are named as such."""
    with pytest.raises(DocumentError):
        public_key(document)


@pytest.mark.parametrize("raw", [b"", b"short", bytes(31)])
def test_a_torn_private_key_is_refused_without_its_bytes(raw: bytes) -> None:
    """A private key of the wrong length is refused, and the error's chain holds nothing of it."""
    document = json.dumps({"priv_key": typed("tendermint/PrivKeyEd25519", raw)}).encode()
    with pytest.raises(DocumentError) as refused:
        node_public_key(document)
    assert refused.value.__cause__ is None
