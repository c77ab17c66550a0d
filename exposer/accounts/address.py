"""Addresses: from a public key to its bytes, and to bech32 (BIP-173) and back."""

import hashlib
import re
from typing import Literal

import bech32
from coincurve import PublicKey

from exposer.errors import BadInputError

Algorithm = Literal["secp256k1", "eth_secp256k1"]
"""How an account's address comes from its secp256k1 key: as on Cosmos chains, or as on Ethereum."""
ALGORITHMS: tuple[Algorithm, ...] = ("secp256k1", "eth_secp256k1")
_ETHEREUM_BYTES = 20
_HEX = re.compile(r"0x([0-9a-fA-F]{40})")


def account_address(public: bytes, algorithm: Algorithm) -> bytes:
    """The 20 bytes of the account that a compressed public key (33 bytes) holds.

    Sources: the SDK's ``crypto/keys/secp256k1`` (RIPEMD-160 of SHA-256), ethermint's ``crypto/ethsecp256k1`` (the end
    of Keccak-256 of the key without compression).
    """
    if algorithm == "eth_secp256k1":
        from Crypto.Hash import keccak  # noqa: PLC0415 - most chains have none of these keys

        point = PublicKey(public).format(compressed=False)[1:]
        return keccak.new(data=point, digest_bits=256).digest()[-_ETHEREUM_BYTES:]
    return hashlib.new("ripemd160", hashlib.sha256(public).digest(), usedforsecurity=False).digest()


def ethereum_address(text: str) -> bytes:
    """The 20 bytes of ``0x`` and 40 hex digits, whose case is a checksum where it is mixed (EIP-55).

    Raises:
        BadInputError: it is something else; the message names what.
    """
    found = _HEX.fullmatch(text)
    if found is None:
        raise BadInputError(f"{text!r} is not 0x and 40 hex digits")
    digits = found[1]
    if digits not in {digits.lower(), digits.upper(), _with_checksum(digits)}:
        raise BadInputError(f"the checksum of {text!r} (EIP-55) is wrong; copy it again, or in lower case")
    return bytes.fromhex(digits)


def _with_checksum(digits: str) -> str:
    from Crypto.Hash import keccak  # noqa: PLC0415 - most chains have none of these addresses

    digest = keccak.new(data=digits.lower().encode(), digest_bits=256).hexdigest()
    pairs = zip(digits.lower(), digest, strict=False)
    return "".join(digit.upper() if nibble in "89abcdef" else digit for digit, nibble in pairs)


def encode_address(prefix: str, raw: bytes) -> str:
    """A bech32 address (BIP-173)."""
    return str(bech32.bech32_encode(prefix, bech32.convertbits(raw, 8, 5) or []))


def decode_address(address: str) -> tuple[str, bytes]:
    """Prefix and bytes of a bech32 address; raises `BadInputError`."""
    prefix, words = bech32.bech32_decode(address)
    raw = bech32.convertbits(words, 5, 8, False) if words is not None else None
    if prefix is None or raw is None:
        raise BadInputError(f"{address!r} is not a bech32 address")
    return prefix, bytes(raw)
