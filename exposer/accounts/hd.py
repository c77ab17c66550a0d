"""Hierarchical keys: from a BIP-39 seed down an HD path (BIP-32, BIP-44) to a secp256k1 private key."""

import hmac

from coincurve import PrivateKey

_HARDENED = 1 << 31
_CURVE_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141


def standard_path(coin_type: int) -> str:
    """The first address of the first account of a coin (BIP-44, SLIP-44)."""
    return f"m/44'/{coin_type}'/0'/0/0"


def at_index(hd_path: str, index: int) -> str:
    """``hd_path`` moved on by ``index`` addresses."""
    head, _, last = hd_path.rpartition("/")
    return f"{head}/{int(last) + index}" if index else hd_path


def derive_secp256k1(seed: bytes, hd_path: str) -> bytes:
    """The 32-byte private key at ``hd_path`` below a BIP-39 seed (BIP-32)."""
    node = hmac.digest(b"Bitcoin seed", seed, "sha512")
    for step in hd_path.split("/")[1:]:
        number = int(step.rstrip("'")) + (_HARDENED if step.endswith("'") else 0)
        key, chain_code = node[:32], node[32:]
        data = b"\x00" + key if number >= _HARDENED else PrivateKey(key).public_key.format(compressed=True)
        node = hmac.digest(chain_code, data + number.to_bytes(4, "big"), "sha512")
        child = (int.from_bytes(node[:32], "big") + int.from_bytes(key, "big")) % _CURVE_ORDER
        node = child.to_bytes(32, "big") + node[32:]
    return node[:32]
