"""CometBFT identities: the public half of node and consensus keys, addresses and node ids.

Formats: CometBFT's ``p2p/key.go`` (node_key.json), ``privval/file.go`` (priv_validator_key.json) and ``crypto/*``.
Private bytes are read here and never leave.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Any

from coincurve import PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exposer.documents import DocumentError, parse_object

_ADDRESS_BYTES = 20
_ED25519_SEED_BYTES = 32

# name in CometBFT's JSON -> (type URL in the SDK's, bytes of a public key)
_PUBLIC_TYPES = {
    "tendermint/PubKeyEd25519": ("/cosmos.crypto.ed25519.PubKey", 32),
    "tendermint/PubKeySecp256k1": ("/cosmos.crypto.secp256k1.PubKey", 33),
    "tendermint/PubKeySr25519": ("/cosmos.crypto.sr25519.PubKey", 32),
    "cometbft/PubKeySecp256k1eth": ("/cosmos.evm.crypto.v1.ethsecp256k1.PubKey", 65),
    "cometbft/PubKeyBls12_381": ("/cosmos.crypto.bls12_381.PubKey", 48),
}


@dataclass(frozen=True)
class PublicKey:
    """A public key as CometBFT writes it in JSON: the type's name and the key in base64."""

    type: str
    value: str

    @property
    def raw(self) -> bytes:
        """The key's bytes."""
        return base64.b64decode(self.value)

    @property
    def address(self) -> bytes:
        """20 bytes: SHA-256 cut short, or RIPEMD-160 of SHA-256 for secp256k1 (CometBFT ``crypto/*/``)."""
        digest = hashlib.sha256(self.raw).digest()
        if self.type == "tendermint/PubKeySecp256k1":
            return hashlib.new("ripemd160", digest, usedforsecurity=False).digest()
        return digest[:_ADDRESS_BYTES]

    @property
    def type_url(self) -> str:
        """The SDK's name of the type (``google.protobuf.Any``)."""
        return _PUBLIC_TYPES[self.type][0]

    def to_json(self) -> dict[str, str]:
        """``{"type", "value"}``."""
        return {"type": self.type, "value": self.value}


def public_key(document: object) -> PublicKey:
    """The public key in ``{"type", "value"}``; raises `DocumentError` where it is not one that CometBFT knows."""
    key_type, raw = _typed_bytes(document)
    if key_type not in _PUBLIC_TYPES:
        raise DocumentError("a public key of an unknown type in it")
    if len(raw) != _PUBLIC_TYPES[key_type][1]:
        raise DocumentError("a public key of the wrong length in it")
    return PublicKey(key_type, base64.b64encode(raw).decode())


def ed25519_public(seed: bytes) -> bytes:
    """The 32 bytes of the public key that belongs to a 32-byte seed (RFC 8032)."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def node_public_key(node_key: bytes) -> PublicKey:
    """The public half of a ``node_key.json``; raises `DocumentError`."""
    key_type, raw = _typed_bytes(parse_object(node_key).get("priv_key"))
    try:
        if key_type == "tendermint/PrivKeyEd25519":
            return _encoded("tendermint/PubKeyEd25519", ed25519_public(raw[:_ED25519_SEED_BYTES]))
        if key_type == "tendermint/PrivKeySecp256k1":
            return _encoded("tendermint/PubKeySecp256k1", PrivateKey(raw).public_key.format(compressed=True))
    except ValueError:
        raise DocumentError("a private key of the wrong length in it") from None  # the cause may quote key bytes
    raise DocumentError("a private key of an unknown type in it")


def node_id(key: PublicKey) -> str:
    """The id by which peers know a node: its key's address in lower-case hex (CometBFT ``p2p/key.go``)."""
    return key.address.hex()


def validator_public_key(priv_validator_key: bytes) -> PublicKey:
    """The public half of a ``priv_validator_key.json``; raises `DocumentError`."""
    return public_key(parse_object(priv_validator_key).get("pub_key"))


def _typed_bytes(document: Any) -> tuple[str, bytes]:
    if not isinstance(document, dict) or not isinstance(document.get("type"), str):
        raise DocumentError("no key with a type in it")
    try:
        return document["type"], base64.b64decode(document.get("value", ""), validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise DocumentError("a key that is not base64 in it") from None


def _encoded(key_type: str, raw: bytes) -> PublicKey:
    return PublicKey(key_type, base64.b64encode(raw).decode())
