"""Addresses of one chain, checked by the million: prefix, length and bech32 checksum (BIP-173).

The checksum is linear: it is the exclusive or of what each character contributes at its position, from tables.
"""

import hashlib
from functools import cache, reduce
from operator import getitem, xor

from exposer.accounts.address import encode_address, ethereum_address
from exposer.errors import BadInputError

_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_ALPHABET = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_WORDS = bytes(_ALPHABET.find(byte) & 0xFF for byte in range(256))  # 255: not in the alphabet
_LENGTHS = {
    38: 0b00000,
    58: 0b01111,
}  # characters of 20 and of 32 bytes with their checksum -> bits that pad the last one
_CHECKSUM = 6  # characters


class AddressForm:
    """What an address of a chain looks like: bech32 below ``prefix``; also hex where ``hexadecimal``, on EVM chains."""

    def __init__(self, prefix: str, *, hexadecimal: bool = False) -> None:
        self.prefix = prefix
        self._head = f"{prefix}1"
        self._hexadecimal = hexadecimal

    def normal(self, address: object, where: str) -> str:
        """The address in bech32; raises `BadInputError` naming ``where`` and what is wrong."""
        text = address if isinstance(address, str) else ""
        if self._hexadecimal and text.startswith("0x"):
            return self._from_hex(text, where)
        if not text.startswith(self._head) or not text.isascii():
            raise BadInputError(f"{where}: {address!r} is no address of this chain; they begin with {self._head}")
        words = text[len(self._head) :].encode().translate(_WORDS)
        if len(words) not in _LENGTHS or max(words) >= len(_ALPHABET):
            raise BadInputError(f"{where}: {address!r} is no bech32 address of 20 or 32 bytes; copy it again, whole")
        padding = words[-_CHECKSUM - 1] & _LENGTHS[len(words)]
        if padding or reduce(xor, map(getitem, _tables(len(words)), words), _head(self.prefix, len(words))) != 1:
            raise BadInputError(f"{where}: the checksum of {address!r} is wrong; copy it again, whole")
        return text

    def _from_hex(self, text: str, where: str) -> str:
        try:
            return encode_address(self.prefix, ethereum_address(text))
        except BadInputError as error:
            raise BadInputError(f"{where}: {error}") from None


def module_address(prefix: str, module: str) -> str:
    """The address of a module's account: the first 20 bytes of the SHA-256 of its name (``x/auth/types``)."""
    return encode_address(prefix, hashlib.sha256(module.encode()).digest()[:20])


def _shift(state: int) -> int:
    """The checksum's state behind one more character, which is still to be added."""
    top = state >> 25
    return reduce(xor, (_GENERATOR[bit] for bit in range(5) if top >> bit & 1), (state & 0x1FFFFFF) << 5)


def _shifted(state: int, times: int) -> int:
    for _ in range(times):
        state = _shift(state)
    return state


@cache
def _head(prefix: str, length: int) -> int:
    """What the prefix contributes to the checksum of an address with so many characters behind it."""
    state = 1
    for word in [*(ord(char) >> 5 for char in prefix), 0, *(ord(char) & 31 for char in prefix)]:
        state = _shift(state) ^ word
    return _shifted(state, length)


@cache
def _tables(length: int) -> list[list[int]]:
    """For each position, what each of the 32 characters contributes there."""
    return [[_shifted(word, length - 1 - position) for word in range(len(_ALPHABET))] for position in range(length)]
