"""Hierarchical keys: from a BIP-39 seed down an HD path (BIP-32, BIP-44) to a secp256k1 private key."""

import hmac
import re

from coincurve import PrivateKey

from exposer.accounts.secret import Secret
from exposer.errors import BadInputError

_HARDENED = 1 << 31
_PATH = re.compile(r"m(/(0|[1-9][0-9]{0,9})'?)+")


def standard_path(coin_type: int, account: int = 0, index: int = 0) -> str:
    """An address of a coin's account (BIP-44, SLIP-44), as ``keys add --coin-type --account --index`` makes it."""
    return f"m/44'/{coin_type}'/{account}'/0/{index}"


def parse_path(hd_path: str) -> list[int]:
    """The child numbers along ``hd_path``, hardened ones from 2^31 on; raises `BadInputError`.

    The one form that all binaries read alike: absolute (SDK ``crypto/hd/hdpath.go`` takes relative ones too, where
    go-ethereum's ``accounts/hd.go`` means other keys), without leading zeros (octal there), ``'`` for hardened.
    """
    steps = hd_path.split("/")[1:] if _PATH.fullmatch(hd_path) else []
    if not steps or any(int(step.rstrip("'")) >= _HARDENED for step in steps):
        raise BadInputError(f"HD path {hd_path!r}: write m/44'/118'/0'/0/0, each number below {_HARDENED}")
    return [int(step.rstrip("'")) + step.endswith("'") * _HARDENED for step in steps]


def at_index(hd_path: str, index: int) -> str:
    """``hd_path`` moved on by ``index`` addresses: its last element counts, hardened where it is."""
    if not index:
        return hd_path
    head, _, last = hd_path.rpartition("/")
    number = last.rstrip("'")
    return f"{head}/{int(number) + index}{last[len(number) :]}"


def derive_secp256k1(seed: Secret, hd_path: str) -> Secret:
    """The 32-byte private key at ``hd_path`` below a BIP-39 seed (BIP-32).

    Raises:
        BadInputError: the path is none, or BIP-32 has no key there (one path in 2^127).
    """
    numbers = parse_path(hd_path)
    node = Secret(hmac.digest(b"Bitcoin seed", seed.reveal(), "sha512"))
    try:
        key = PrivateKey(node.reveal()[:32])
        for number in numbers:
            node = _child(key, node, number)
            key = key.add(node.reveal()[:32])
    except ValueError:
        raise BadInputError(f"HD path {hd_path!r}: BIP-32 has no key here; use the next index") from None
    return Secret(key.secret)


def _child(key: PrivateKey, node: Secret, number: int) -> Secret:
    """The 64 bytes that BIP-32 calls I: what the child's key is the parent's plus, and its chain code."""
    hardened = number >= _HARDENED
    data = Secret(b"\x00" + key.secret if hardened else key.public_key.format(compressed=True))
    return Secret(hmac.digest(node.reveal()[32:], data.reveal() + number.to_bytes(4, "big"), "sha512"))
