"""Transactions that send coins, written by hand: cosmos.tx.v1beta1, signed in SIGN_MODE_DIRECT.

The same bytes in every SDK since 0.40; ``simd tx decode`` and ``simd tx sign`` are asked about them in the tests.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

from exposer.accounts.purse import Purse
from exposer.faucet.credit import Credit
from exposer.protobuf import data, message, number, string

_MSG_SEND = "/cosmos.bank.v1beta1.MsgSend"
_SIGN_MODE_DIRECT = 1
Prices = Mapping[str, Fraction]
"""Denomination -> the price of one unit of gas."""


@dataclass(frozen=True)
class Draft:
    """A transaction before it is signed: one bank send for each credit.

    ``until`` is its timeout height: in no later block will it be. ``gas`` is what it may use, ``fee`` what it pays.
    """

    credits: Sequence[Credit]
    account_number: int
    sequence: int
    until: int
    gas: int = 0
    fee: Mapping[str, int] | None = None

    def with_gas(self, gas: int, prices: Prices) -> "Draft":
        """The draft that may use so much gas, and pays for it."""
        return replace(self, gas=gas, fee={denom: ceil(price * gas) for denom, price in prices.items()})

    def sign(self, purse: Purse) -> bytes:
        """The bytes of the signed transaction (TxRaw)."""
        body, authority = self._body(purse.address), self._authority(purse)
        document = data(1, body) + data(2, authority) + string(3, purse.chain_id) + number(4, self.account_number)
        return data(1, body) + data(2, authority) + data(3, purse.sign(document))

    def _body(self, sender: str) -> bytes:
        sends = (_any(_MSG_SEND, _send(sender, credit)) for credit in self.credits)
        return b"".join(message(1, send) for send in sends) + number(3, self.until)

    def _authority(self, purse: Purse) -> bytes:
        public_key = _any(purse.key_type, data(1, purse.public_key))
        mode = message(1, number(1, _SIGN_MODE_DIRECT))
        signer = data(1, public_key) + data(2, mode) + number(3, self.sequence)
        fee = _coins(1, sorted((self.fee or {}).items())) + number(2, self.gas)
        return message(1, signer) + message(2, fee)


def transaction_hash(transaction: bytes) -> str:
    """The name of a transaction: its SHA-256 in upper-case hex."""
    return hashlib.sha256(transaction).hexdigest().upper()


def _send(sender: str, credit: Credit) -> bytes:
    return string(1, sender) + string(2, credit.address) + _coins(3, [(credit.denom, credit.amount)])


def _coins(field: int, coins: Iterable[tuple[str, int]]) -> bytes:
    return b"".join(message(field, string(1, denom) + string(2, str(amount))) for denom, amount in coins if amount)


def _any(type_url: str, value: bytes) -> bytes:
    return string(1, type_url) + data(2, value)
