"""Addresses: from a public key to its bytes, and to bech32 (BIP-173) and back."""

import bech32

from exposer.errors import BadInputError


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
